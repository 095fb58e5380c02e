-- Churn events: who left and when, as the company recorded it. An outcome, never a feature.
--
-- Decision: an event without an id is known by its account and day.
SELECT
    COALESCE(
        CAST(c.churn_id AS VARCHAR), CAST(c.account_id AS VARCHAR) || '|' || CAST(c.churned_on AS VARCHAR)
    ) AS churn_id,
    c.account_id AS account_id,
    c.churned_on AS churned_on,
    c.reason AS reason,
    CASE WHEN c.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM churn_events AS c
