-- Touchpoints: one row per call, meeting, email, webinar, community post or onboarding milestone.
--
-- Decision: a meeting that nobody came to was not attended; one that was canceled, or is only planned, did not take place.
-- Decision: a row without an id is known by its account, time and kind, numbered, since several may be equal in these.
SELECT
    COALESCE(
        CAST(p.touchpoint_id AS VARCHAR),
        CAST(p.account_id AS VARCHAR) || '|' || CAST(p.happened_at AS VARCHAR) || '|' || CAST(p.kind AS VARCHAR) || '|'
        || CAST(
            ROW_NUMBER() OVER (
                PARTITION BY p.account_id, p.happened_at, p.kind
                ORDER BY p.status, p.attended, p.role, p.answered_at, p.milestone, p.entered_at, p.text
            ) AS VARCHAR
        )
    ) AS touchpoint_id,
    p.account_id AS account_id,
    p.happened_at AS happened_at,
    CASE LOWER(TRIM(CAST(p.kind AS VARCHAR)))
        WHEN 'phone' THEN 'call'
        WHEN 'phone call' THEN 'call'
        WHEN 'e-mail' THEN 'email'
        WHEN 'mail' THEN 'email'
        WHEN 'qbr' THEN 'meeting'
        WHEN 'ebr' THEN 'meeting'
        ELSE LOWER(TRIM(CAST(p.kind AS VARCHAR)))
    END AS kind,
    LOWER(CAST(p.role AS VARCHAR)) AS role,
    CASE
        WHEN LOWER(REPLACE(REPLACE(CAST(p.status AS VARCHAR), '-', '_'), ' ', '_'))
            IN ('no_show', 'noshow', 'not_attended', 'missed') THEN 'false'
        WHEN LOWER(CAST(p.status AS VARCHAR)) IN ('held', 'completed', 'attended', 'done', 'took place') THEN 'true'
        ELSE CAST(p.attended AS VARCHAR)
    END AS attended,
    p.answered_at AS answered_at,
    p.milestone AS milestone,
    p.text AS text,
    p.sentiment AS sentiment,
    p.engagement AS engagement,
    p.scored_at AS scored_at,
    -- When somebody wrote it down, where that is later.
    p.entered_at AS known_at,
    CASE WHEN p.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM touchpoints AS p
WHERE
    COALESCE(CAST(p.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(p.is_test AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(LOWER(CAST(p.status AS VARCHAR)), '')
    NOT IN ('canceled', 'cancelled', 'rescheduled', 'postponed', 'planned', 'scheduled', 'deleted')
