-- Surveys: one row per answer to the question of NPS, 0 to 10.
--
-- Decision: the score is taken as it is. Leave out surveys of another scale or question.
-- Decision: an answer without an id is known by its account and time, numbered, since several people may answer at once.
SELECT
    COALESCE(
        CAST(s.survey_id AS VARCHAR),
        CAST(s.account_id AS VARCHAR) || '|' || CAST(s.answered_at AS VARCHAR) || '|' || CAST(
            ROW_NUMBER() OVER (
                PARTITION BY s.account_id, s.answered_at ORDER BY s.score, s.role, s.comment, s.sentiment
            ) AS VARCHAR
        )
    ) AS survey_id,
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
