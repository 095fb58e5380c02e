-- Churn events: who left, and why, as the company recorded it. Outcome only.
--
-- Set aside: an event before the account's first subscription (nothing to leave yet), and all but one of those that say
-- the same of one account and day. An account may leave, come back and leave again: those events stay.
WITH first_subscriptions AS (
    SELECT account_id, MIN(TRY_CAST(start_date AS DATE)) AS started
    FROM ravenstack_subscriptions
    GROUP BY account_id
),
events AS (
    SELECT
        churned.*,
        first_subscriptions.started,
        ROW_NUMBER() OVER (
            PARTITION BY churned.account_id, churned.churn_date, churned.reason_code ORDER BY churned.churn_event_id
        ) AS position
    FROM ravenstack_churn_events AS churned
    LEFT JOIN first_subscriptions ON first_subscriptions.account_id = churned.account_id
)
SELECT
    churn_event_id AS churn_id,
    account_id,
    churn_date AS churned_on,
    reason_code AS reason,
    CASE
        WHEN TRY_CAST(churn_date AS DATE) < started THEN 'before_first_subscription'
        WHEN position > 1 THEN 'said_twice'
    END AS quarantine_reason
FROM events
