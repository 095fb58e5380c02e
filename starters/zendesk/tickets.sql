-- Tickets: one row per ticket.
--
-- Decision: a ticket is closed when it was last solved. One that was reopened and solved again counts as open until then;
-- one that is open again today has no closing.
-- Decision: the priority is the highest that the ticket ever had, known from when it got it. That needs the history of
-- its fields; without it today's priority counts from the start, and priority_at is left out.
-- Decision: a good rating is 5 and a bad one 1 of 5. The last one counts, known from when it was given.
-- Decision: normal is medium.
WITH known_organizations AS (
    SELECT CAST(o.id AS VARCHAR) AS id
    FROM organizations AS o
    WHERE COALESCE(CAST(o._fivetran_deleted AS BOOLEAN), FALSE) = FALSE AND o.deleted_at IS NULL
),
metrics AS (
    SELECT
        CAST(m.ticket_id AS VARCHAR) AS ticket_id,
        MAX(CAST(m.solved_at AS TIMESTAMPTZ)) AS solved_at,
        MIN(CAST(m.first_reply_at AS TIMESTAMPTZ)) AS replied_at,
        MAX(CAST(m.reply_time_in_minutes_calendar AS DOUBLE PRECISION)) AS reply_minutes
    FROM ticket_metrics AS m
    GROUP BY CAST(m.ticket_id AS VARCHAR)
),
solved AS (
    SELECT
        CAST(h.ticket_id AS VARCHAR) AS ticket_id,
        MAX(CASE WHEN h.value = 'solved' THEN CAST(h.updated AS TIMESTAMPTZ) END) AS solved_at,
        MIN(CASE WHEN h.value = 'closed' THEN CAST(h.updated AS TIMESTAMPTZ) END) AS closed_at
    FROM ticket_field_history AS h
    WHERE h.field_name = 'status'
    GROUP BY CAST(h.ticket_id AS VARCHAR)
),
priorities AS (
    SELECT
        CAST(h.ticket_id AS VARCHAR) AS ticket_id,
        CASE CAST(h.value AS VARCHAR)
            WHEN 'urgent' THEN 4 WHEN 'high' THEN 3 WHEN 'normal' THEN 2 WHEN 'low' THEN 1
        END AS rank,
        MIN(CAST(h.updated AS TIMESTAMPTZ)) AS since
    FROM ticket_field_history AS h
    WHERE h.field_name = 'priority' AND h.value IN ('urgent', 'high', 'normal', 'low')
    GROUP BY CAST(h.ticket_id AS VARCHAR), CAST(h.value AS VARCHAR)
),
highest AS (
    SELECT
        p.ticket_id AS ticket_id,
        p.rank AS rank,
        p.since AS since,
        ROW_NUMBER() OVER (PARTITION BY p.ticket_id ORDER BY p.rank DESC) AS place
    FROM priorities AS p
),
ratings AS (
    SELECT
        CAST(r.ticket_id AS VARCHAR) AS ticket_id,
        CAST(r.score AS VARCHAR) AS score,
        COALESCE(CAST(r.updated_at AS TIMESTAMPTZ), CAST(r.created_at AS TIMESTAMPTZ)) AS rated_at,
        ROW_NUMBER() OVER (
            PARTITION BY r.ticket_id
            ORDER BY COALESCE(CAST(r.updated_at AS TIMESTAMPTZ), CAST(r.created_at AS TIMESTAMPTZ)) DESC
        ) AS place
    FROM satisfaction_ratings AS r
    -- `offered` and `unoffered` are no answers.
    WHERE CAST(r.score AS VARCHAR) LIKE 'good%' OR CAST(r.score AS VARCHAR) LIKE 'bad%'
),
replies AS (
    SELECT
        CAST(c.ticket_id AS VARCHAR) AS ticket_id,
        MIN(CAST(c.created_at AS TIMESTAMPTZ)) AS replied_at
    FROM ticket_comments AS c
    JOIN tickets AS t ON CAST(t.id AS VARCHAR) = CAST(c.ticket_id AS VARCHAR)
    LEFT JOIN users AS u ON CAST(u.id AS VARCHAR) = CAST(c.author_id AS VARCHAR)
    -- The first message is no answer, nor is a note that the customer does not see, nor what the system wrote (-1).
    WHERE
        COALESCE(CAST(c.public AS BOOLEAN), TRUE) = TRUE
        AND COALESCE(CAST(c._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND CAST(c.created_at AS TIMESTAMPTZ) > CAST(t.created_at AS TIMESTAMPTZ)
        AND CAST(c.author_id AS VARCHAR) <> '-1'
        AND CAST(c.author_id AS VARCHAR) <> COALESCE(CAST(t.requester_id AS VARCHAR), '')
        AND COALESCE(u.role, 'agent') <> 'end-user'
    GROUP BY CAST(c.ticket_id AS VARCHAR)
),
dropped AS (
    SELECT CAST(g.ticket_id AS VARCHAR) AS ticket_id
    FROM ticket_tags AS g
    WHERE g.tag IN ('closed_by_merge', 'spam')
        AND COALESCE(CAST(g._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
    GROUP BY CAST(g.ticket_id AS VARCHAR)
)
SELECT
    t.id AS ticket_id,
    -- Decision: the organization of the ticket; where it names none, that of its requester today.
    COALESCE(CAST(t.organization_id AS VARCHAR), CAST(u.organization_id AS VARCHAR)) AS account_id,
    t.created_at AS opened_at,
    CASE
        COALESCE(
            p.rank,
            CASE t.priority WHEN 'urgent' THEN 4 WHEN 'high' THEN 3 WHEN 'normal' THEN 2 WHEN 'low' THEN 1 END
        )
        WHEN 4 THEN 'urgent'
        WHEN 3 THEN 'high'
        WHEN 2 THEN 'medium'
        WHEN 1 THEN 'low'
        ELSE LOWER(CAST(t.priority AS VARCHAR))
    END AS priority,
    p.since AS priority_at,
    NULLIF(TRIM(COALESCE(t.subject, '') || ' ' || COALESCE(t.description, '')), '') AS text,
    COALESCE(
        a.replied_at, m.replied_at, CAST(t.created_at AS TIMESTAMPTZ) + m.reply_minutes * INTERVAL '1 minute'
    ) AS first_response_at,
    -- Where nobody kept when it was solved, its last change.
    CASE
        WHEN t.status IN ('solved', 'closed')
            THEN COALESCE(m.solved_at, s.solved_at, s.closed_at, CAST(t.updated_at AS TIMESTAMPTZ))
    END AS closed_at,
    CASE WHEN t.status IN ('solved', 'closed') THEN TRUE ELSE FALSE END AS closed,
    r.rated_at AS csat_at,
    -- The rating of the ticket is a word, or, as the API gives it, an object with the word in it.
    CASE
        WHEN COALESCE(r.score, CAST(t.satisfaction_rating_score AS VARCHAR)) LIKE 'good%' THEN 5
        WHEN COALESCE(r.score, CAST(t.satisfaction_rating_score AS VARCHAR)) LIKE 'bad%' THEN 1
        WHEN REPLACE(CAST(t.satisfaction_rating_score AS VARCHAR), ' ', '') LIKE '%"score":"good%' THEN 5
        WHEN REPLACE(CAST(t.satisfaction_rating_score AS VARCHAR), ' ', '') LIKE '%"score":"bad%' THEN 1
    END AS csat,
    CASE
        WHEN COALESCE(CAST(t.organization_id AS VARCHAR), CAST(u.organization_id AS VARCHAR)) IS NULL THEN 'no_organization'
        WHEN k.id IS NULL THEN 'organization_deleted'
    END AS quarantine_reason
FROM tickets AS t
LEFT JOIN users AS u ON CAST(u.id AS VARCHAR) = CAST(t.requester_id AS VARCHAR)
LEFT JOIN known_organizations AS k
    ON k.id = COALESCE(CAST(t.organization_id AS VARCHAR), CAST(u.organization_id AS VARCHAR))
LEFT JOIN metrics AS m ON m.ticket_id = CAST(t.id AS VARCHAR)
LEFT JOIN solved AS s ON s.ticket_id = CAST(t.id AS VARCHAR)
LEFT JOIN highest AS p ON p.ticket_id = CAST(t.id AS VARCHAR) AND p.place = 1
LEFT JOIN ratings AS r ON r.ticket_id = CAST(t.id AS VARCHAR) AND r.place = 1
LEFT JOIN replies AS a ON a.ticket_id = CAST(t.id AS VARCHAR)
LEFT JOIN dropped AS d ON d.ticket_id = CAST(t.id AS VARCHAR)
-- Deleted tickets do not count; what an agent marks as spam is deleted. A merged ticket goes on in the one that it was
-- merged into. Suspended mail never becomes a ticket, so its table is not read.
WHERE
    COALESCE(CAST(t._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
    AND t.deleted_at IS NULL
    AND t.status <> 'deleted'
    AND d.ticket_id IS NULL
    AND COALESCE(CAST(t.tags AS VARCHAR), '') NOT LIKE '%"closed_by_merge"%'
    AND COALESCE(CAST(t.tags AS VARCHAR), '') NOT LIKE '%"spam"%'
