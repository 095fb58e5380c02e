-- Surveys: the month's NPS answer, on the day of the list.
SELECT
    account_id || '-' || listed_on AS survey_id,
    account_id,
    listed_on AS answered_at,
    nps AS score,
    TRY_CAST(listed_on AS DATE) + 1 AS known_at
FROM accounts_by_month
WHERE nps IS NOT NULL
