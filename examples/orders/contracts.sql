-- Contracts: each order covers until the next one is expected.
--
-- An order is no contract, so these numbers decide who is a customer, for how much, and who has churned:
--   first_days             days that a first order covers, while nothing is known of the customer's rhythm
--   slack                  how many times the usual gap a customer may wait. "Usual" is the longest gap between two orders
--                          in the 400 days before an order, so that a season's winter is usual from the second one on
--   least_days, most_days  bounds of that wait
WITH settings AS (
    SELECT 90 AS first_days, 2.0 AS slack, 45 AS least_days, 365 AS most_days
),
-- One row per customer and day. Decision: an order that was called off never was; a customer that was registered twice is
-- one; several orders of one day are one.
days AS (
    SELECT
        COALESCE(customers.merged_into, orders.customer_id) AS account_id,
        TRY_CAST(orders.ordered_on AS DATE) AS day,
        MIN(orders.order_id) AS order_id,
        SUM(TRY_CAST(orders.amount AS DOUBLE)) AS amount,
        MIN(orders.currency) AS currency,
        COUNT(*) > COUNT(TRY_CAST(orders.amount AS DOUBLE)) AS unreadable
    FROM orders
    LEFT JOIN customers ON customers.customer_id = orders.customer_id
    WHERE orders.status <> 'cancelled'
    GROUP BY ALL
),
newest AS (
    SELECT MAX(day) AS day FROM days
),
gaps AS (
    SELECT
        *,
        day - LAG(day) OVER (PARTITION BY account_id ORDER BY day) AS gap,
        day - MIN(day) OVER (PARTITION BY account_id) AS age
    FROM days
),
-- Windows end on the day of the order: no order knows what came after it.
rhythms AS (
    SELECT
        *,
        MAX(gap) OVER (
            PARTITION BY account_id ORDER BY day RANGE BETWEEN INTERVAL 400 DAYS PRECEDING AND CURRENT ROW
        ) AS usual,
        SUM(amount) OVER (
            PARTITION BY account_id ORDER BY day RANGE BETWEEN INTERVAL 364 DAYS PRECEDING AND CURRENT ROW
        ) AS amount_of_year
    FROM gaps
),
covers AS (
    SELECT
        rhythms.*,
        rhythms.day + CASE
            WHEN rhythms.usual IS NULL THEN settings.first_days
            ELSE CAST(
                LEAST(settings.most_days, GREATEST(settings.least_days, CEIL(settings.slack * rhythms.usual))) AS INTEGER
            )
        END AS expected_on,
        -- A customer of less than a year: its orders stand for the days so far and the usual wait for the next one.
        rhythms.amount_of_year * 365.0 / LEAST(365, rhythms.age + COALESCE(rhythms.usual, settings.first_days)) AS arr
    FROM rhythms
    CROSS JOIN settings
),
followed AS (
    SELECT *, LEAD(day) OVER (PARTITION BY account_id ORDER BY day) AS next_day
    FROM covers
)
SELECT
    followed.order_id AS contract_id,
    followed.account_id,
    followed.day AS start_on,
    followed.day AS signed_on,
    -- No end is agreed. An order ends with the next one, which then follows it, or where the next one was expected and did
    -- not come. Both are known then and not before, so it is `ended_on`; an order of the last weeks is open.
    CASE
        WHEN followed.next_day <= followed.expected_on THEN followed.next_day
        WHEN followed.expected_on <= newest.day THEN followed.expected_on
    END AS ended_on,
    ROUND(followed.arr, 2) AS arr,
    followed.currency,
    -- Decision: one order is no relation yet. It is a trial, without ARR, and its end is no churn.
    followed.age = 0 AS trial,
    CASE WHEN followed.unreadable THEN 'unreadable_amount' END AS quarantine_reason
FROM followed
CROSS JOIN newest
