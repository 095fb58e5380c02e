-- Surveys: one row per answer to the question of NPS, 0 to 10.
--
-- Decision: the score is taken as it is. Leave out surveys of another scale or question.
SELECT
    s.survey_id AS survey_id,
    s.account_id AS account_id,
    s.answered_at AS answered_at,
    s.score AS score,
    LOWER(CAST(s.role AS VARCHAR)) AS role,
    s.comment AS comment,
    s.sentiment AS sentiment,
    CASE WHEN s.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM surveys AS s
WHERE
    COALESCE(CAST(s.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(s.is_test AS BOOLEAN), FALSE) = FALSE
