-- Usage: one row per active user on the day of the list, and the share of features in use as that many twentieths.
--
-- The users and features are ordinals: nobody knows who used what, or on which day. Only their number is meant, and the
-- settings switch off every measure that would read more into them.
WITH listed AS (
    SELECT
        account_id,
        listed_on,
        TRY_CAST(monthly_active_users AS INTEGER) AS users,
        CAST(ROUND(TRY_CAST(feature_adoption_pct AS DOUBLE) / 5) AS INTEGER) AS twentieths
    FROM accounts_by_month
),
numbered AS (
    SELECT *, UNNEST(RANGE(GREATEST(users, COALESCE(twentieths, 0)))) AS n
    FROM listed
    WHERE users > 0
)
SELECT
    account_id,
    listed_on AS day,
    'user-' || (n % users + 1) AS user_id,
    CASE WHEN twentieths > 0 THEN 'twentieth-' || (n % twentieths + 1) END AS feature,
    NULL AS quarantine_reason
FROM numbered
UNION ALL
SELECT account_id, listed_on, NULL, NULL, 'unreadable_number'
FROM listed
WHERE users IS NULL
