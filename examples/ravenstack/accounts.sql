-- Accounts: one row at signup and one at each change of segment.
--
-- The segment is the size of the account, in seats of its live subscriptions: small below 50, medium 50 to 249,
-- large from 250 (the European size classes of companies, so that no bound is fitted to the data). No live
-- subscription, no segment.
--
-- A row of day d counts what started or ended on or before d. It is known at the midnight after d; a start is known
-- from d itself and an end at the midnight after d, so no row says more than was known then.
WITH signups AS (
    SELECT account_id, TRY_CAST(signup_date AS DATE) AS day, account_name, industry, country
    FROM ravenstack_accounts
),
subscriptions AS (
    SELECT
        account_id,
        TRY_CAST(start_date AS DATE) AS started,
        TRY_CAST(end_date AS DATE) AS ended,
        TRY_CAST(seats AS INTEGER) AS seats
    FROM ravenstack_subscriptions
),
changes AS (
    SELECT account_id, day, 0 AS subscriptions, 0 AS seats FROM signups
    UNION ALL
    SELECT account_id, started, 1, seats FROM subscriptions
    UNION ALL
    SELECT account_id, ended, -1, -seats FROM subscriptions WHERE ended IS NOT NULL
),
daily AS (
    SELECT account_id, day, SUM(subscriptions) AS subscriptions, SUM(seats) AS seats
    FROM changes
    GROUP BY account_id, day
),
live AS (
    SELECT
        account_id,
        day,
        SUM(subscriptions) OVER (PARTITION BY account_id ORDER BY day) AS subscriptions,
        SUM(seats) OVER (PARTITION BY account_id ORDER BY day) AS seats
    FROM daily
),
segments AS (
    SELECT
        account_id,
        day,
        CASE
            WHEN subscriptions = 0 THEN NULL
            WHEN seats < 50 THEN 'small'
            WHEN seats < 250 THEN 'medium'
            WHEN seats >= 250 THEN 'large'
        END AS segment
    FROM live
),
history AS (
    SELECT
        account_id,
        day,
        segment,
        LAG(segment) OVER (PARTITION BY account_id ORDER BY day) AS segment_before,
        ROW_NUMBER() OVER (PARTITION BY account_id ORDER BY day) AS position
    FROM segments
)
SELECT
    history.account_id,
    history.day AS valid_from,
    signups.account_name AS name,
    signups.industry,
    CASE signups.country WHEN 'UK' THEN 'GB' ELSE signups.country END AS country, -- all others are ISO 3166 codes already
    history.segment,
    -- Without a date the row would pass for one of today's values.
    CASE WHEN history.day IS NULL THEN 'unreadable_date' END AS quarantine_reason
FROM history
JOIN signups ON signups.account_id = history.account_id
WHERE history.position = 1 OR history.segment IS DISTINCT FROM history.segment_before OR history.day IS NULL
