-- Tickets: one row per case of an account. Deleted, merged and spam cases are left out.
WITH history AS (
    SELECT
        CAST(h.case_id AS VARCHAR) AS case_id,
        LOWER(CAST(h.field AS VARCHAR)) AS field,
        LOWER(CAST(h.old_value AS VARCHAR)) AS old_value,
        LOWER(CAST(h.new_value AS VARCHAR)) AS new_value,
        CAST(h.created_date AS TIMESTAMPTZ) AS changed_at,
        ROW_NUMBER() OVER (
            PARTITION BY CAST(h.case_id AS VARCHAR), LOWER(CAST(h.field AS VARCHAR))
            ORDER BY CAST(h.created_date AS TIMESTAMPTZ), CAST(h.id AS VARCHAR)
        ) AS place
    FROM case_history AS h
    WHERE COALESCE(CAST(h.is_deleted AS BOOLEAN), FALSE) = FALSE
),
priorities AS (
    SELECT h.case_id, h.new_value AS priority, h.changed_at
    FROM history AS h
    WHERE h.field = 'priority'
    UNION ALL
    -- What a case was opened with is the old value of its first change.
    SELECT h.case_id, h.old_value, CAST(NULL AS TIMESTAMPTZ)
    FROM history AS h
    WHERE h.field = 'priority' AND h.place = 1
),
ranked AS (
    SELECT
        p.case_id,
        p.priority,
        p.changed_at,
        ROW_NUMBER() OVER (
            PARTITION BY p.case_id
            ORDER BY
                CASE p.priority
                    WHEN 'critical' THEN 5 WHEN 'urgent' THEN 4 WHEN 'high' THEN 3 WHEN 'medium' THEN 2
                    WHEN 'low' THEN 1 ELSE 0
                END DESC,
                COALESCE(p.changed_at, CAST('1970-01-01' AS TIMESTAMPTZ))
        ) AS place
    FROM priorities AS p
),
escalations AS (
    SELECT h.case_id, MIN(h.changed_at) AS escalated_at
    FROM history AS h
    WHERE h.field = 'isescalated' AND h.new_value IN ('true', '1')
    GROUP BY h.case_id
)
SELECT
    t.id AS ticket_id,
    t.account_id AS account_id,
    t.created_date AS opened_at,
    -- Decision: the highest priority so far, and when it was given. Without a history it is today's.
    COALESCE(r.priority, LOWER(CAST(t.priority AS VARCHAR))) AS priority,
    r.changed_at AS priority_at,
    CONCAT(CAST(t.subject AS VARCHAR), ' ', CAST(t.description AS VARCHAR)) AS text,
    -- Decision: a case that was opened again is open; one that is closed without a date was closed by its last change.
    CASE
        WHEN CAST(t.is_closed AS BOOLEAN) = FALSE THEN NULL
        WHEN CAST(t.is_closed AS BOOLEAN) = TRUE OR LOWER(CAST(t.status AS VARCHAR)) IN ('closed', 'resolved', 'solved')
            THEN COALESCE(CAST(t.closed_date AS TIMESTAMPTZ), CAST(t.last_modified_date AS TIMESTAMPTZ))
        ELSE CAST(t.closed_date AS TIMESTAMPTZ)
    END AS closed_at,
    COALESCE(
        CAST(t.is_closed AS BOOLEAN),
        CASE WHEN LOWER(CAST(t.status AS VARCHAR)) IN ('closed', 'resolved', 'solved') THEN TRUE END
    ) AS closed,
    e.escalated_at AS escalated_at,
    t.is_escalated AS escalated
FROM cases AS t
LEFT JOIN ranked AS r ON r.case_id = CAST(t.id AS VARCHAR) AND r.place = 1
LEFT JOIN escalations AS e ON e.case_id = CAST(t.id AS VARCHAR)
WHERE COALESCE(CAST(t.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(t._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(t._fivetran_active AS BOOLEAN), TRUE) = TRUE
    AND t.master_record_id IS NULL
    AND LOWER(COALESCE(CAST(t.status AS VARCHAR), '')) NOT IN ('spam', 'merged', 'duplicate')
    AND t.account_id IS NOT NULL
