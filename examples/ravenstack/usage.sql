-- Usage: the rows of one account, day and feature added up; the source knows no users.
--
-- A row names the subscription that was used. Before that subscription began nobody can have written such a row, so it
-- is set aside, also where the account had other subscriptions by then: how many of these rows an account has tells how
-- many subscriptions it is going to buy. Use after a subscription's end can be true (access outlives it) and stays.
--
-- `usage_id` is no key: 21 ids stand on two rows each, of different accounts, so both rows count.
WITH subscriptions AS (
    SELECT
        subscription_id,
        account_id,
        TRY_CAST(start_date AS DATE) AS started,
        MIN(TRY_CAST(start_date AS DATE)) OVER (PARTITION BY account_id) AS first_started
    FROM ravenstack_subscriptions
),
rows_of_use AS (
    SELECT
        subscriptions.account_id,
        used.usage_date AS day,
        used.feature_name AS feature,
        used.usage_count AS count_text,
        used.usage_duration_secs AS seconds_text,
        TRY_CAST(used.usage_count AS BIGINT) AS events,
        TRY_CAST(used.usage_duration_secs AS DOUBLE) AS seconds,
        CASE
            WHEN TRY_CAST(used.usage_date AS DATE) < subscriptions.first_started THEN 'before_first_subscription'
            WHEN TRY_CAST(used.usage_date AS DATE) < subscriptions.started THEN 'before_its_subscription'
        END AS quarantine_reason
    FROM ravenstack_feature_usage AS used
    LEFT JOIN subscriptions ON subscriptions.subscription_id = used.subscription_id
)
SELECT
    account_id,
    day,
    feature,
    -- A number that cannot be read goes through as it stands, so that the cast after this counts it; SUM would hide it.
    COALESCE(MIN(count_text) FILTER (WHERE events IS NULL), CAST(SUM(events) AS VARCHAR)) AS events,
    COALESCE(MIN(seconds_text) FILTER (WHERE seconds IS NULL), CAST(SUM(seconds) / 60 AS VARCHAR)) AS minutes,
    quarantine_reason
FROM rows_of_use
GROUP BY account_id, day, feature, quarantine_reason
