-- Tickets: one row per ticket or case.
--
-- Decision: a priority is one of low, medium, high, urgent and critical; normal is medium, p1 to p4 are urgent to low.
-- Decision: one that is closed without a time was closed at its last change; one that is open again has no closing.
-- Decision: good is 5 and bad is 1 of 5. Convert other scales of satisfaction to 1..5.
SELECT
    t.ticket_id AS ticket_id,
    t.account_id AS account_id,
    t.opened_at AS opened_at,
    CASE LOWER(TRIM(CAST(t.priority AS VARCHAR)))
        WHEN 'normal' THEN 'medium'
        WHEN 'moderate' THEN 'medium'
        WHEN 'blocker' THEN 'critical'
        WHEN 'p0' THEN 'critical'
        WHEN 'p1' THEN 'urgent'
        WHEN 'p2' THEN 'high'
        WHEN 'p3' THEN 'medium'
        WHEN 'p4' THEN 'low'
        WHEN '' THEN NULL
        ELSE LOWER(TRIM(CAST(t.priority AS VARCHAR)))
    END AS priority,
    t.priority_at AS priority_at,
    NULLIF(TRIM(COALESCE(CAST(t.subject AS VARCHAR), '') || ' ' || COALESCE(CAST(t.text AS VARCHAR), '')), '') AS text,
    t.sentiment AS sentiment,
    t.first_response_at AS first_response_at,
    CASE
        WHEN LOWER(CAST(t.status AS VARCHAR)) IN ('new', 'open', 'pending', 'on hold', 'hold', 'reopened', 'in progress')
            THEN NULL
        WHEN LOWER(CAST(t.status AS VARCHAR)) IN ('closed', 'resolved', 'solved', 'done')
            THEN COALESCE(CAST(t.closed_at AS VARCHAR), CAST(t.updated_at AS VARCHAR))
        ELSE CAST(t.closed_at AS VARCHAR)
    END AS closed_at,
    CASE WHEN LOWER(CAST(t.status AS VARCHAR)) IN ('closed', 'resolved', 'solved', 'done') THEN TRUE END AS closed,
    t.escalated_at AS escalated_at,
    t.escalated AS escalated,
    t.csat_at AS csat_at,
    CASE LOWER(TRIM(CAST(t.csat AS VARCHAR)))
        WHEN 'good' THEN '5'
        WHEN 'bad' THEN '1'
        WHEN 'offered' THEN NULL
        WHEN 'unoffered' THEN NULL
        ELSE CAST(t.csat AS VARCHAR)
    END AS csat,
    CASE WHEN t.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM tickets AS t
-- Spam, deleted and merged tickets do not count: a merged one goes on in another.
WHERE
    COALESCE(CAST(t.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(t.is_test AS BOOLEAN), FALSE) = FALSE
    AND t.deleted_at IS NULL
    AND t.merged_into IS NULL
    AND COALESCE(LOWER(CAST(t.status AS VARCHAR)), '') NOT IN ('spam', 'deleted', 'merged')
