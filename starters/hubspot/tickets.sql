-- Tickets: one row per ticket of a company. Deleted ones are left out; HubSpot deletes what was merged into another.
WITH companies AS (
    SELECT
        CAST(x.ticket_id AS VARCHAR) AS ticket_id,
        CAST(x.company_id AS VARCHAR) AS company_id,
        -- A ticket of several companies counts for its primary one (association type 26).
        ROW_NUMBER() OVER (
            PARTITION BY CAST(x.ticket_id AS VARCHAR)
            ORDER BY CASE WHEN CAST(x.type_id AS VARCHAR) = '26' THEN 0 ELSE 1 END, CAST(x.company_id AS VARCHAR)
        ) AS place
    FROM ticket_company AS x
    LEFT JOIN company AS k ON CAST(k.id AS VARCHAR) = CAST(x.company_id AS VARCHAR)
    WHERE COALESCE(CAST(k.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(k._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(x._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
),
raised AS (
    SELECT
        CAST(h.ticket_id AS VARCHAR) AS ticket_id,
        CASE UPPER(CAST(h.value AS VARCHAR))
            WHEN 'LOW' THEN 1 WHEN 'MEDIUM' THEN 2 WHEN 'HIGH' THEN 3 WHEN 'URGENT' THEN 4
        END AS height,
        CAST(h.timestamp_instant AS TIMESTAMPTZ) AS raised_at
    FROM ticket_property_history AS h
    WHERE CAST(h.name AS VARCHAR) = 'hs_ticket_priority'
),
highest AS (
    SELECT
        r.ticket_id,
        r.height,
        r.raised_at,
        ROW_NUMBER() OVER (PARTITION BY r.ticket_id ORDER BY r.height DESC, r.raised_at) AS place
    FROM raised AS r
    WHERE r.height IS NOT NULL
)
SELECT
    t.id AS ticket_id,
    c.company_id AS account_id,
    t.property_createdate AS opened_at,
    -- Decision: the highest priority so far, and when it was first given. Without a history it is today's.
    COALESCE(
        CASE h.height WHEN 1 THEN 'low' WHEN 2 THEN 'medium' WHEN 3 THEN 'high' WHEN 4 THEN 'urgent' END,
        LOWER(CAST(t.property_hs_ticket_priority AS VARCHAR))
    ) AS priority,
    h.raised_at AS priority_at,
    CONCAT(CAST(t.property_subject AS VARCHAR), ' ', CAST(t.property_content AS VARCHAR)) AS text,
    t.property_first_agent_reply_date AS first_response_at,
    -- Decision: a ticket that was opened again is open, whatever its close date; one that is closed without a date was
    -- closed by its last change.
    CASE
        WHEN CAST(s.is_closed AS BOOLEAN) = FALSE THEN NULL
        WHEN CAST(s.is_closed AS BOOLEAN) = TRUE
            THEN COALESCE(
                CAST(t.property_closed_date AS TIMESTAMPTZ), CAST(t.property_hs_lastmodifieddate AS TIMESTAMPTZ)
            )
        ELSE CAST(t.property_closed_date AS TIMESTAMPTZ)
    END AS closed_at,
    CAST(s.is_closed AS BOOLEAN) AS closed
FROM ticket AS t
JOIN companies AS c ON c.ticket_id = CAST(t.id AS VARCHAR) AND c.place = 1
LEFT JOIN highest AS h ON h.ticket_id = CAST(t.id AS VARCHAR) AND h.place = 1
LEFT JOIN ticket_pipeline_stage AS s ON CAST(s.stage_id AS VARCHAR) = CAST(t.property_hs_pipeline_stage AS VARCHAR)
WHERE COALESCE(CAST(t.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(t._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
