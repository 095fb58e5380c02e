"""A wholesaler's orders, derived from the sample company's tables.

python -m keepwell.sample.orders company/ data/

writes customers.csv, orders.csv, order_lines.csv, returns.csv, visits.csv and invoices.csv in data/: what the order
system of a business without contracts has. A customer orders while the sample's account is under contract, less often
and less while it uses little, and nobody says when it stops. With the oddities of such systems: orders called off,
returns, customers registered twice and merged later, buyers who came once, customers who order in the season alone.
"""

import argparse
from pathlib import Path

import duckdb

from keepwell.sample.settings import CompanySettings

SOURCES = ("accounts", "contracts", "usage")
DRAW = "CREATE MACRO draw(key, n) AS CAST('0x' || SUBSTR(MD5(key), 1, 7) AS BIGINT) % n"
"""A number below n that is the same for the same key on every machine."""

BASE = """
CREATE TABLE days AS
SELECT MIN(day) AS first_day, MAX(day) AS last_day FROM usage;

CREATE TABLE buyers AS
SELECT
    account_id,
    'K' || SUBSTR(account_id, 2) AS customer_id,
    ARG_MAX(name, valid_from) AS name,
    ARG_MIN(industry, valid_from) AS trade,
    ARG_MIN(country, valid_from) AS country,
    ARG_MAX(csm, valid_from) AS sales_rep,
    10 + draw(account_id || 'rhythm', 26) AS rhythm,
    draw(account_id || 'season', 12) = 0 AS seasonal,
    draw(account_id || 'twice', 25) = 0 AS registered_twice
FROM accounts
GROUP BY account_id;

CREATE TABLE held AS
SELECT
    account_id,
    GREATEST(start_on, first_day) AS begins,
    LEAST(COALESCE(LEAST(end_on, ended_on), last_day + 1), last_day + 1) AS ends,
    arr * CASE currency {rates} END AS arr
FROM contracts CROSS JOIN days
WHERE NOT COALESCE(trial, FALSE) AND start_on <= last_day;

CREATE TABLE active AS
SELECT account_id, DATE_TRUNC('month', day) AS month, SUM(events) AS events FROM usage GROUP BY ALL;

CREATE TABLE usual AS
SELECT account_id, MEDIAN(events) AS events FROM active GROUP BY ALL;

CREATE TABLE planned AS
SELECT
    buyers.*,
    CAST(UNNEST(GENERATE_SERIES(first_day, last_day, TO_DAYS(CAST(rhythm AS INTEGER)))) AS DATE)
        + CAST(draw(account_id || 'phase', rhythm) AS INTEGER) AS day
FROM buyers CROSS JOIN days;

CREATE TABLE due AS
SELECT planned.account_id, planned.day, SUM(held.arr) AS arr
FROM planned
JOIN held ON held.account_id = planned.account_id AND planned.day >= held.begins AND planned.day < held.ends
GROUP BY ALL;

CREATE TABLE placed AS
SELECT
    planned.* REPLACE (planned.day + CAST(draw(planned.account_id || planned.day, 4) AS INTEGER) AS day),
    ROUND(due.arr * rhythm / 365 * (0.75 + draw(planned.account_id || planned.day || 'size', 50) / 100.0)
        * (0.6 + 0.4 * LEAST(1.5, COALESCE(active.events, 0) / usual.events)), 2) AS amount
FROM planned
CROSS JOIN days
JOIN due ON due.account_id = planned.account_id AND due.day = planned.day
JOIN usual ON usual.account_id = planned.account_id
LEFT JOIN active ON active.account_id = planned.account_id AND active.month = DATE_TRUNC('month', planned.day)
WHERE planned.day + 4 <= last_day
    AND (NOT seasonal OR MONTH(planned.day) BETWEEN 3 AND 9)
    AND draw(planned.account_id || planned.day || 'skip', 100) < 25 + 75 * COALESCE(active.events, 0) / usual.events;

CREATE TABLE all_orders AS
SELECT
    account_id, trade, day AS ordered_on, amount,
    customer_id || CASE WHEN registered_twice AND draw(account_id || day || 'who', 3) = 0 THEN 'B' ELSE '' END
        AS customer_id
FROM placed
UNION ALL
SELECT
    NULL, trade, day, ROUND(amount / 2 + 40, 2), 'W' || SUBSTR(customer_id, 2)
FROM placed
WHERE draw(account_id || day || 'walk-in', 120) = 0
QUALIFY ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY day) = 1;

CREATE TABLE numbered AS
SELECT
    'O' || LPAD(CAST(ROW_NUMBER() OVER (ORDER BY ordered_on, customer_id, amount) AS VARCHAR), 6, '0') AS order_id,
    *,
    draw(customer_id || ordered_on || 'cancel', 40) = 0 AS called_off
FROM (SELECT DISTINCT ON (customer_id, ordered_on) * FROM all_orders ORDER BY customer_id, ordered_on, amount);

CREATE TABLE merges AS
SELECT customer_id, LAST_DAY(MIN(ordered_on) + 200) AS merged_on
FROM numbered WHERE customer_id LIKE '%B' GROUP BY ALL;
"""

FILES = {
    "customers.csv": """
SELECT
    customer_id, ANY_VALUE(name) AS name, ANY_VALUE(trade) AS trade, ANY_VALUE(country) AS country,
    ANY_VALUE(sales_rep) AS sales_rep, MIN(ordered_on) AS registered_on, ANY_VALUE(merged_into) AS merged_into,
    ANY_VALUE(merged_on) AS merged_on
FROM (
    SELECT
        numbered.customer_id,
        COALESCE(buyers.name, 'Walk-in ' || numbered.customer_id) AS name,
        COALESCE(buyers.trade, numbered.trade) AS trade, buyers.country, buyers.sales_rep, numbered.ordered_on,
        CASE WHEN merged_on <= last_day THEN buyers.customer_id END AS merged_into,
        CASE WHEN merged_on <= last_day THEN merged_on END AS merged_on
    FROM numbered
    CROSS JOIN days
    LEFT JOIN buyers USING (account_id)
    LEFT JOIN merges ON merges.customer_id = numbered.customer_id
    UNION ALL
    SELECT customer_id, name, trade, country, sales_rep, first_day, NULL, NULL
    FROM buyers CROSS JOIN days
    WHERE customer_id IN (SELECT RTRIM(customer_id, 'B') FROM merges)
)
GROUP BY customer_id ORDER BY customer_id""",
    "orders.csv": """
SELECT
    order_id, customer_id, ordered_on,
    CASE WHEN called_off AND ordered_on + 5 <= last_day THEN 'cancelled'
        WHEN ordered_on + 3 <= last_day THEN 'delivered' ELSE 'open' END AS status,
    amount, 'USD' AS currency
FROM numbered CROSS JOIN days ORDER BY order_id""",
    "order_lines.csv": """
SELECT order_id, product_group, SUM(quantity) AS quantity
FROM (
    SELECT
        order_id,
        CASE usage.feature {groups} END AS product_group,
        1 + draw(order_id || usage.feature, 9) AS quantity
    FROM numbered
    JOIN (SELECT DISTINCT account_id, feature, DATE_TRUNC('month', day) AS month FROM usage) AS usage
        ON usage.account_id = numbered.account_id AND usage.month = DATE_TRUNC('month', numbered.ordered_on)
    UNION ALL
    SELECT order_id, 'fixings', 1 FROM numbered WHERE account_id IS NULL
)
GROUP BY ALL ORDER BY order_id, product_group""",
    "returns.csv": """
SELECT
    'R' || SUBSTR(order_id, 2) AS return_id, order_id, ordered_on + 8 + CAST(draw(order_id || 'when', 12) AS INTEGER)
        AS returned_on,
    ROUND(amount * (1 + draw(order_id || 'share', 4)) / 4, 2) AS amount
FROM numbered CROSS JOIN days
WHERE draw(order_id || 'return', 30) = 0 AND NOT called_off AND ordered_on + 20 <= last_day
ORDER BY return_id""",
    "visits.csv": """
SELECT
    numbered.customer_id, usage.day AS visited_on, 'B' || SUBSTR(usage.user_id, 2) AS buyer, SUM(usage.events) AS pages
FROM usage
JOIN (SELECT account_id, MIN(customer_id) AS customer_id FROM numbered WHERE account_id IS NOT NULL GROUP BY ALL)
    AS numbered USING (account_id)
WHERE draw(usage.user_id || usage.day, 5) = 0
GROUP BY ALL ORDER BY ALL""",
    "invoices.csv": """
SELECT
    'I' || SUBSTR(order_id, 2) AS invoice_id, order_id, customer_id, issued_on, issued_on + 30 AS due_on, amount,
    'USD' AS currency, CASE WHEN paid_on <= last_day THEN paid_on END AS paid_on
FROM (
    SELECT
        *,
        ordered_on + 3 AS issued_on,
        CASE WHEN draw(order_id || 'unpaid', 50) > 0
            THEN ordered_on + 20 + CAST(draw(order_id || 'paid', 25) AS INTEGER) END AS paid_on
    FROM numbered
) CROSS JOIN days
WHERE NOT called_off AND issued_on <= last_day
ORDER BY invoice_id""",
}
GROUPS = {
    "alerts": "lighting", "api": "machines", "automations": "tools", "boards": "timber", "dashboards": "fixings",
    "exports": "paint", "integrations": "pumps", "reports": "workwear",
}  # fmt: skip
"""What the sample's features are sold as."""


def write_orders(company: Path, to: Path) -> Path:
    """Write the files of the order system in `to`; amounts in USD, at the sample company's rates."""
    rates = {"USD": 1.0, **CompanySettings().book.fx_rates}
    filled = {
        "{rates}": " ".join(f"WHEN '{code}' THEN {rate}" for code, rate in rates.items()),
        "{groups}": " ".join(f"WHEN '{feature}' THEN '{group}'" for feature, group in GROUPS.items()),
    }
    to.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as engine:
        for name in SOURCES:
            engine.read_parquet(str(company / f"{name}.parquet")).create_view(name)
        engine.execute(DRAW)
        engine.execute(_with(BASE, filled))
        for name, query in FILES.items():
            engine.sql(_with(query, filled)).write_csv(str(to / name))
    return to


def _with(query: str, filled: dict[str, str]) -> str:
    for name, value in filled.items():
        query = query.replace(name, value)
    return query


def main() -> None:
    """Read the tables in one folder and write the files into another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("company", type=Path, help="folder that `keepwell sample` wrote")
    parser.add_argument("to", type=Path, help="folder of the CSV files")
    arguments = parser.parse_args()
    write_orders(arguments.company, arguments.to)


if __name__ == "__main__":
    main()
