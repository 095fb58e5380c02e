-- Touchpoints: meetings, calls and emails, one row for each company they are linked to.
--
-- Decision: meetings that were canceled or moved, calls that nobody answered and emails that bounced are left out.
-- A meeting without an outcome counts as held; one that is only planned has not taken place. So are those that somebody
-- deleted, whichever table says so.
-- Decision: an email's answer is the next incoming email of its thread, and its text that of the answer. An incoming
-- email that answers none of yours is a row of its own, answered as it came.
-- Decision: an instant without a zone is one in UTC.
-- Decision: notes of meetings and calls are your team's words, not the customer's: they are not read.
WITH roles AS (
    -- Decision: the role is the highest among the contacts that took part, as it is today.
    SELECT
        CAST(x.engagement_id AS VARCHAR) AS engagement_id,
        MIN(CASE
            WHEN UPPER(CAST(p.property_hs_buying_role AS VARCHAR)) LIKE '%DECISION_MAKER%' THEN 1
            WHEN UPPER(CAST(p.property_hs_buying_role AS VARCHAR)) LIKE '%BUDGET_HOLDER%' THEN 1
            WHEN UPPER(CAST(p.property_hs_buying_role AS VARCHAR)) = 'EXECUTIVE' THEN 1
            WHEN UPPER(CAST(p.property_hs_buying_role AS VARCHAR)) LIKE '%SPONSOR%' THEN 2
            WHEN UPPER(CAST(p.property_hs_buying_role AS VARCHAR)) LIKE '%CHAMPION%' THEN 3
            WHEN UPPER(CAST(p.property_hs_buying_role AS VARCHAR)) LIKE '%USER%' THEN 4
        END) AS place
    FROM engagement_contact AS x
    JOIN contact AS p ON CAST(p.id AS VARCHAR) = CAST(x.contact_id AS VARCHAR)
    WHERE COALESCE(CAST(x._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
    GROUP BY CAST(x.engagement_id AS VARCHAR)
),
links AS (
    SELECT CAST(x.engagement_id AS VARCHAR) AS engagement_id, CAST(x.company_id AS VARCHAR) AS company_id
    FROM engagement_company AS x
    WHERE COALESCE(CAST(x._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
    UNION
    -- Some loaders write the company into the meeting.
    SELECT CAST(m.engagement_id AS VARCHAR) AS engagement_id, CAST(m.company_id AS VARCHAR) AS company_id
    FROM engagement_meeting AS m
    WHERE m.company_id IS NOT NULL
),
companies AS (
    SELECT l.engagement_id, l.company_id
    FROM links AS l
    LEFT JOIN company AS k ON CAST(k.id AS VARCHAR) = l.company_id
    WHERE COALESCE(CAST(k.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(k._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
),
emails AS (
    SELECT
        CAST(e.engagement_id AS VARCHAR) AS id,
        COALESCE(CAST(e.property_hs_email_thread_id AS VARCHAR), CAST(e.engagement_id AS VARCHAR)) AS thread_id,
        COALESCE(CAST(e.property_hs_timestamp AS TIMESTAMPTZ), CAST(g.timestamp AS TIMESTAMPTZ)) AS sent_at,
        CAST(e.property_hs_createdate AS TIMESTAMPTZ) AS created_at,
        COALESCE(CAST(e.property_hs_email_direction AS VARCHAR), '') = 'INCOMING_EMAIL' AS incoming,
        COALESCE(CAST(e.property_hs_email_text AS VARCHAR), CAST(e.property_hs_email_html AS VARCHAR)) AS body
    FROM engagement_email AS e
    LEFT JOIN engagement AS g ON CAST(g.id AS VARCHAR) = CAST(e.engagement_id AS VARCHAR)
    WHERE COALESCE(CAST(e.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(e._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(g.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(g._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(e.property_hs_email_status AS VARCHAR), 'SENT') NOT IN ('BOUNCED', 'FAILED', 'SCHEDULED')
        AND COALESCE(CAST(e.property_hs_email_direction AS VARCHAR), '') <> 'FORWARDED_EMAIL'
),
threads AS (
    SELECT
        e.id,
        e.thread_id,
        e.sent_at,
        e.created_at,
        e.incoming,
        e.body,
        MIN(CASE WHEN e.incoming THEN e.sent_at END) OVER (
            PARTITION BY e.thread_id ORDER BY e.sent_at, e.id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
        ) AS answered_at,
        SUM(CASE WHEN e.incoming THEN 0 ELSE 1 END) OVER (
            PARTITION BY e.thread_id ORDER BY e.sent_at, e.id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS sent_before
    FROM emails AS e
),
answers AS (
    SELECT e.thread_id, e.sent_at, MIN(e.body) AS body
    FROM emails AS e
    WHERE e.incoming
    GROUP BY e.thread_id, e.sent_at
),
engagements AS (
    SELECT
        CAST(m.engagement_id AS VARCHAR) AS id,
        COALESCE(
            CAST(m.property_hs_meeting_start_time AS TIMESTAMPTZ), CAST(m.property_hs_timestamp AS TIMESTAMPTZ),
            CAST(g.timestamp AS TIMESTAMPTZ)
        ) AS happened_at,
        CAST(m.property_hs_createdate AS TIMESTAMPTZ) AS created_at,
        'meeting' AS kind,
        CASE UPPER(REPLACE(REPLACE(CAST(m.property_hs_meeting_outcome AS VARCHAR), ' ', '_'), '-', '_'))
            WHEN 'COMPLETED' THEN TRUE
            WHEN 'HELD' THEN TRUE
            WHEN 'ATTENDED' THEN TRUE
            WHEN 'DONE' THEN TRUE
            WHEN 'NO_SHOW' THEN FALSE
        END AS attended,
        CAST(NULL AS TIMESTAMPTZ) AS answered_at,
        CAST(NULL AS VARCHAR) AS body
    FROM engagement_meeting AS m
    LEFT JOIN engagement AS g ON CAST(g.id AS VARCHAR) = CAST(m.engagement_id AS VARCHAR)
    WHERE COALESCE(CAST(m.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(m._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(g.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(g._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND UPPER(COALESCE(CAST(m.property_hs_meeting_outcome AS VARCHAR), ''))
        NOT IN ('CANCELED', 'CANCELLED', 'RESCHEDULED', 'SCHEDULED', 'PLANNED')
    UNION ALL
    SELECT
        CAST(c.engagement_id AS VARCHAR) AS id,
        COALESCE(CAST(c.property_hs_timestamp AS TIMESTAMPTZ), CAST(g.timestamp AS TIMESTAMPTZ)) AS happened_at,
        CAST(c.property_hs_createdate AS TIMESTAMPTZ) AS created_at,
        'call' AS kind,
        CASE CAST(c.property_hs_call_status AS VARCHAR) WHEN 'COMPLETED' THEN TRUE END AS attended,
        CAST(NULL AS TIMESTAMPTZ) AS answered_at,
        CAST(NULL AS VARCHAR) AS body
    FROM engagement_call AS c
    LEFT JOIN engagement AS g ON CAST(g.id AS VARCHAR) = CAST(c.engagement_id AS VARCHAR)
    WHERE COALESCE(CAST(c.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(c._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(g.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(g._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(c.property_hs_call_status AS VARCHAR), 'COMPLETED') = 'COMPLETED'
    UNION ALL
    SELECT
        t.id,
        t.sent_at,
        t.created_at,
        'email',
        CASE WHEN t.incoming OR t.answered_at IS NOT NULL THEN TRUE END,
        CASE WHEN t.incoming THEN t.sent_at ELSE t.answered_at END,
        CASE WHEN t.incoming THEN t.body ELSE a.body END
    FROM threads AS t
    LEFT JOIN answers AS a ON a.thread_id = t.thread_id AND a.sent_at = t.answered_at
    WHERE NOT t.incoming OR t.sent_before = 0
)
SELECT
    CONCAT(e.id, ':', c.company_id) AS touchpoint_id,
    c.company_id AS account_id,
    e.happened_at AS happened_at,
    -- Somebody may enter a meeting days after it: nobody knew of it before.
    e.created_at AS known_at,
    e.kind AS kind,
    CASE r.place WHEN 1 THEN 'executive' WHEN 2 THEN 'sponsor' WHEN 3 THEN 'champion' WHEN 4 THEN 'user' END AS role,
    e.attended AS attended,
    -- Decision: whoever loads outgoing emails alone removes answered_at: else nobody ever answered, which counts.
    e.answered_at AS answered_at,
    -- Text or HTML, as it is.
    e.body AS text,
    e.answered_at AS scored_at
FROM engagements AS e
JOIN companies AS c ON c.engagement_id = e.id
LEFT JOIN roles AS r ON r.engagement_id = e.id
