-- Touchpoints: the day of each executive contact, once, known from the first list that tells of it.
WITH contacts AS (
    SELECT
        account_id,
        TRY_CAST(listed_on AS DATE) AS listed_on,
        TRY_CAST(listed_on AS DATE) - TRY_CAST(days_since_executive_contact AS INTEGER) AS met_on
    FROM accounts_by_month
    WHERE days_since_executive_contact IS NOT NULL
)
SELECT
    account_id || '-' || COALESCE(CAST(met_on AS VARCHAR), 'unreadable') AS touchpoint_id,
    account_id,
    met_on AS happened_at,
    'meeting' AS kind,
    'executive' AS role,
    MIN(listed_on) + 1 AS known_at,
    CASE WHEN met_on IS NULL THEN 'unreadable_number' END AS quarantine_reason
FROM contacts
GROUP BY account_id, met_on
