-- Tickets: one row per ticket; those submitted before the account signed up are set aside.
--
-- `submitted_at` is only a date, so a ticket is known at the next midnight. The file counts its hours and minutes from the
-- midnight before (closed_at = submitted_at + resolution_time_hours on every row), and so does first_response_at here:
-- durations are right, times of day are not. Closing, escalation and satisfaction are known when the ticket is closed.
WITH tickets AS (
    SELECT
        submitted.*,
        TRY_CAST(submitted.submitted_at AS TIMESTAMP) AS opened_at,
        TRY_CAST(accounts.signup_date AS TIMESTAMP) AS signed_up_at
    FROM ravenstack_support_tickets AS submitted
    LEFT JOIN ravenstack_accounts AS accounts ON accounts.account_id = submitted.account_id
)
SELECT
    ticket_id,
    account_id,
    submitted_at AS opened_at,
    DATE_TRUNC('day', opened_at) + INTERVAL 1 DAY AS known_at,
    priority,
    -- Minutes that cannot be read go through as they stand, so that the cast after this counts them.
    COALESCE(
        CAST(opened_at + TRY_CAST(first_response_time_minutes AS INTEGER) * INTERVAL 1 MINUTE AS VARCHAR),
        first_response_time_minutes
    ) AS first_response_at,
    closed_at,
    escalation_flag AS escalated,
    satisfaction_score AS csat,
    CASE WHEN opened_at < signed_up_at THEN 'before_signup' END AS quarantine_reason
FROM tickets
