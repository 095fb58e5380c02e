-- Contracts: a stretch of lists on which an account has the same ARR and the same renewal.
--
-- A list of the last day of a month is known at the midnight after it, so a stretch begins on its first list and ends on the
-- first list that shows something else: other values, or no such account. That list is where the end was learnt from, so
-- the end is `ended_on`. The renewal is known by its month alone; the first day of the month after it stands for it, so that
-- a contract lasts until the list that shows whether it was renewed.
WITH lists AS (
    SELECT listed_on, LEAD(listed_on) OVER (ORDER BY listed_on) AS next_list
    FROM (SELECT DISTINCT listed_on FROM accounts_by_month)
),
listed AS (
    SELECT
        rows_of_lists.account_id,
        rows_of_lists.listed_on,
        lists.next_list,
        rows_of_lists.arr,
        CAST(
            DATE_TRUNC('month', TRY_CAST(rows_of_lists.listed_on AS DATE))
            + TO_MONTHS(TRY_CAST(rows_of_lists.months_to_renewal AS INTEGER) + 1) AS DATE
        ) AS end_on
    FROM accounts_by_month AS rows_of_lists
    JOIN lists ON lists.listed_on = rows_of_lists.listed_on
),
compared AS (
    SELECT
        *,
        LAG(next_list) OVER history IS DISTINCT FROM listed_on
        OR LAG(arr) OVER history IS DISTINCT FROM arr
        OR LAG(end_on) OVER history IS DISTINCT FROM end_on AS begins
    FROM listed
    WINDOW history AS (PARTITION BY account_id ORDER BY listed_on)
),
stretches AS (
    SELECT *, COUNT(*) FILTER (WHERE begins) OVER (PARTITION BY account_id ORDER BY listed_on) AS stretch
    FROM compared
),
contracts AS (
    SELECT account_id, stretch, MIN(listed_on) AS first_list, MAX(listed_on) AS last_list, MIN(arr) AS arr, MIN(end_on) AS end_on
    FROM stretches
    GROUP BY account_id, stretch
)
SELECT
    contracts.account_id || '-' || contracts.stretch AS contract_id,
    contracts.account_id,
    contracts.first_list AS start_on,
    contracts.end_on,
    lists.next_list AS ended_on,
    contracts.arr,
    'USD' AS currency,
    TRY_CAST(contracts.first_list AS DATE) + 1 AS known_at
FROM contracts
JOIN lists ON lists.listed_on = contracts.last_list
