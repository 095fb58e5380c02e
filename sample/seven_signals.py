"""Only seven data points per account and month, derived from the sample company's tables.

python -m keepwell.sample.seven_signals company/ data/

writes data/accounts_by_month.csv, the list that a company without connected systems might keep: one row per account
under contract on the last day of a month. What it leaves out (who used what on which day, texts, people) is the point.
"""

import argparse
from pathlib import Path

import duckdb

from keepwell.sample.settings import CompanySettings

NAME = "accounts_by_month.csv"
SOURCES = ("contracts", "usage", "tickets", "surveys", "touchpoints")
QUERY = """
WITH lists AS (
    SELECT DISTINCT LAST_DAY(day) AS listed_on FROM usage
),
held AS (
    SELECT
        contracts.account_id,
        lists.listed_on,
        SUM(contracts.arr * CASE contracts.currency {rates} END) AS arr,
        MIN(contracts.end_on) AS renewal_on
    FROM lists
    JOIN contracts
        ON contracts.start_on <= lists.listed_on
        AND COALESCE(LEAST(contracts.end_on, contracts.ended_on), DATE '9999-12-31') > lists.listed_on
    WHERE NOT COALESCE(contracts.trial, FALSE)
    GROUP BY ALL
),
used AS (
    SELECT account_id, LAST_DAY(day) AS listed_on, COUNT(DISTINCT user_id) AS users, COUNT(DISTINCT feature) AS features
    FROM usage
    GROUP BY ALL
),
product AS (
    SELECT COUNT(DISTINCT feature) AS features FROM usage
),
asked AS (
    SELECT account_id, LAST_DAY(opened_at) AS listed_on, COUNT(*) AS tickets FROM tickets GROUP BY ALL
),
answered AS (
    SELECT account_id, LAST_DAY(answered_at) AS listed_on, ARG_MAX(score, (answered_at, survey_id)) AS nps
    FROM surveys
    WHERE score IS NOT NULL
    GROUP BY ALL
),
met AS (
    SELECT account_id, CAST(happened_at AS DATE) AS met_on
    FROM touchpoints
    WHERE kind IN ('call', 'meeting') AND role IN ('executive', 'sponsor') AND COALESCE(attended, TRUE)
),
seen AS (
    SELECT held.account_id, held.listed_on, MAX(met.met_on) AS met_on
    FROM held
    JOIN met ON met.account_id = held.account_id AND met.met_on <= held.listed_on
    GROUP BY ALL
)
SELECT
    held.account_id,
    held.listed_on,
    COALESCE(used.users, 0) AS monthly_active_users,
    CAST(ROUND(100.0 * COALESCE(used.features, 0) / product.features) AS INTEGER) AS feature_adoption_pct,
    COALESCE(asked.tickets, 0) AS tickets,
    answered.nps,
    DATE_DIFF('day', seen.met_on, held.listed_on) AS days_since_executive_contact,
    ROUND(held.arr) AS arr,
    DATE_DIFF('month', held.listed_on, held.renewal_on) AS months_to_renewal
FROM held
CROSS JOIN product
LEFT JOIN used USING (account_id, listed_on)
LEFT JOIN asked USING (account_id, listed_on)
LEFT JOIN answered USING (account_id, listed_on)
LEFT JOIN seen USING (account_id, listed_on)
ORDER BY held.listed_on, held.account_id
"""


def write_seven_signals(company: Path, to: Path) -> Path:
    """Write the lists of all months as one CSV in `to`; ARR in USD, at the sample company's rates."""
    rates = {"USD": 1.0, **CompanySettings().book.fx_rates}
    cases = " ".join(f"WHEN '{code}' THEN {rate}" for code, rate in rates.items())
    to.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as engine:
        for name in SOURCES:
            engine.read_parquet(str(company / f"{name}.parquet")).create_view(name)
        engine.sql(QUERY.format(rates=cases)).write_csv(str(to / NAME))
    return to / NAME


def main() -> None:
    """Read the tables in one folder and write the lists into another."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("company", type=Path, help="folder that `keepwell sample` wrote")
    parser.add_argument("to", type=Path, help="folder of the CSV")
    arguments = parser.parse_args()
    write_seven_signals(arguments.company, arguments.to)


if __name__ == "__main__":
    main()
