-- Tickets: as many as were counted, on the day of the list. Their days, priorities and words are not known.
WITH numbered AS (
    SELECT account_id, listed_on, UNNEST(RANGE(TRY_CAST(tickets AS INTEGER))) + 1 AS n
    FROM accounts_by_month
)
SELECT
    account_id || '-' || listed_on || '-' || n AS ticket_id,
    account_id,
    listed_on AS opened_at,
    TRY_CAST(listed_on AS DATE) + 1 AS known_at
FROM numbered
