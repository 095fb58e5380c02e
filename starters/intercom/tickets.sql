-- Tickets: one row per conversation that a customer began.
--
-- Decision: what your team, a campaign or a bot began is outreach, no ticket.
-- Decision: the company that the conversation names, else the one company of its contact. Where a contact has several,
-- the conversation is set aside: nothing says which one it is about.
-- Decision: closed when it was closed last. One that is open again, or snoozed, has no closing.
-- Decision: marked as priority is high; not marked is not recorded, since few teams mark at all. When it was marked is not
-- known.
WITH known_companies AS (
    SELECT
        CAST(c.id AS VARCHAR) AS id,
        CAST(c._fivetran_deleted AS BOOLEAN) AS is_deleted,
        ROW_NUMBER() OVER (PARTITION BY CAST(c.id AS VARCHAR) ORDER BY CAST(c.updated_at AS VARCHAR) DESC) AS place
    FROM companies AS c
),
memberships AS (
    SELECT
        CAST(m.contact_id AS VARCHAR) AS contact_id,
        CAST(m.company_id AS VARCHAR) AS company_id,
        RANK() OVER (
            PARTITION BY CAST(m.contact_id AS VARCHAR) ORDER BY CAST(m.contact_updated_at AS VARCHAR) DESC
        ) AS place
    FROM contact_companies AS m
),
companies_of AS (
    SELECT
        s.contact_id AS contact_id,
        MIN(s.company_id) AS company_id,
        COUNT(DISTINCT s.company_id) AS companies
    FROM memberships AS s
    WHERE s.place = 1
    GROUP BY s.contact_id
),
parts AS (
    SELECT
        CAST(p.conversation_id AS VARCHAR) AS conversation_id,
        CAST(p.part_type AS VARCHAR) AS part_type,
        CAST(p.author_type AS VARCHAR) AS author_type,
        -- Some loaders keep Intercom's seconds since 1970.
        CASE
            WHEN CAST(p.created_at AS VARCHAR) LIKE '%-%' THEN CAST(CAST(p.created_at AS VARCHAR) AS TIMESTAMPTZ)
            ELSE TO_TIMESTAMP(CAST(CAST(p.created_at AS VARCHAR) AS DOUBLE PRECISION))
        END AS created_at
    FROM conversation_parts AS p
),
spoken AS (
    SELECT
        w.conversation_id AS conversation_id,
        -- Bots and notes answer nobody.
        MIN(CASE WHEN w.author_type = 'admin' AND w.part_type = 'comment' THEN w.created_at END) AS replied_at,
        MAX(CASE WHEN w.part_type = 'close' THEN w.created_at END) AS closed_at
    FROM parts AS w
    GROUP BY w.conversation_id
),
participants AS (
    SELECT
        CAST(x.conversation_id AS VARCHAR) AS conversation_id,
        MIN(CAST(x.contact_id AS VARCHAR)) AS contact_id
    FROM conversation_contacts AS x
    GROUP BY CAST(x.conversation_id AS VARCHAR)
),
versions AS (
    SELECT
        CAST(c.id AS VARCHAR) AS id,
        CAST(c.company_id AS VARCHAR) AS company_id,
        CASE WHEN CAST(c.source_author_type AS VARCHAR) IN ('user', 'lead', 'contact') THEN CAST(c.source_author_id AS VARCHAR) END
            AS author_id,
        CAST(c.state AS VARCHAR) AS state,
        CAST(c.priority AS VARCHAR) AS priority,
        c.source_subject AS source_subject,
        c.source_body AS source_body,
        CAST(c.source_delivered_as AS VARCHAR) AS source_delivered_as,
        c.conversation_rating_value AS rating,
        c._fivetran_deleted AS is_deleted,
        CASE
            WHEN CAST(c.created_at AS VARCHAR) LIKE '%-%' THEN CAST(CAST(c.created_at AS VARCHAR) AS TIMESTAMPTZ)
            ELSE TO_TIMESTAMP(CAST(CAST(c.created_at AS VARCHAR) AS DOUBLE PRECISION))
        END AS created_at,
        CASE
            WHEN CAST(c.updated_at AS VARCHAR) LIKE '%-%' THEN CAST(CAST(c.updated_at AS VARCHAR) AS TIMESTAMPTZ)
            ELSE TO_TIMESTAMP(CAST(CAST(c.updated_at AS VARCHAR) AS DOUBLE PRECISION))
        END AS updated_at,
        CASE
            WHEN CAST(c.first_admin_reply_at AS VARCHAR) LIKE '%-%' THEN CAST(CAST(c.first_admin_reply_at AS VARCHAR) AS TIMESTAMPTZ)
            ELSE TO_TIMESTAMP(CAST(CAST(c.first_admin_reply_at AS VARCHAR) AS DOUBLE PRECISION))
        END AS replied_at,
        CASE
            WHEN CAST(c.last_close_at AS VARCHAR) LIKE '%-%' THEN CAST(CAST(c.last_close_at AS VARCHAR) AS TIMESTAMPTZ)
            ELSE TO_TIMESTAMP(CAST(CAST(c.last_close_at AS VARCHAR) AS DOUBLE PRECISION))
        END AS closed_at,
        CASE
            WHEN CAST(c.conversation_rating_created_at AS VARCHAR) LIKE '%-%' THEN CAST(CAST(c.conversation_rating_created_at AS VARCHAR) AS TIMESTAMPTZ)
            ELSE TO_TIMESTAMP(CAST(CAST(c.conversation_rating_created_at AS VARCHAR) AS DOUBLE PRECISION))
        END AS rated_at,
        ROW_NUMBER() OVER (PARTITION BY CAST(c.id AS VARCHAR) ORDER BY CAST(c.updated_at AS VARCHAR) DESC) AS place
    FROM conversations AS c
)
SELECT
    v.id AS ticket_id,
    COALESCE(v.company_id, o.company_id) AS account_id,
    v.created_at AS opened_at,
    CASE
        WHEN v.priority = 'priority' THEN 'high'
        WHEN v.priority IN ('low', 'medium', 'high', 'urgent') THEN v.priority
    END AS priority,
    -- The body is HTML, which is stripped before its sentiment is computed.
    NULLIF(TRIM(COALESCE(v.source_subject, '') || ' ' || COALESCE(v.source_body, '')), '') AS text,
    COALESCE(v.replied_at, s.replied_at) AS first_response_at,
    -- Where nobody kept when it was closed, its last change.
    CASE WHEN v.state = 'closed' THEN COALESCE(v.closed_at, s.closed_at, v.updated_at) END AS closed_at,
    CASE WHEN v.state = 'closed' THEN TRUE ELSE FALSE END AS closed,
    v.rated_at AS csat_at,
    v.rating AS csat,
    CASE
        WHEN v.company_id IS NULL AND o.companies > 1 THEN 'several_companies'
        WHEN COALESCE(v.company_id, o.company_id) IS NULL THEN 'no_company'
        WHEN k.id IS NULL OR COALESCE(k.is_deleted, FALSE) THEN 'company_deleted'
    END AS quarantine_reason
FROM versions AS v
LEFT JOIN participants AS q ON q.conversation_id = v.id
LEFT JOIN companies_of AS o ON o.contact_id = COALESCE(v.author_id, q.contact_id)
LEFT JOIN known_companies AS k ON k.id = COALESCE(v.company_id, o.company_id) AND k.place = 1
LEFT JOIN spoken AS s ON s.conversation_id = v.id
-- Deleted conversations do not count.
WHERE
    v.place = 1
    AND COALESCE(CAST(v.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(v.source_delivered_as, 'customer_initiated') = 'customer_initiated'
