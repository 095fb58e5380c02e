-- Touchpoints: events (meetings and calls), and tasks that record a call or an email.
--
-- Decision: an event whose subject begins with `canceled` did not take place; one with `no show` in it was not
-- attended. Every other event counts as held: Salesforce has no outcome.
-- Decision: only completed tasks count, and none whose call was not answered; mass emails do not.
-- Decision: subjects and descriptions are your team's words, not the customer's: they are not read. Answers to emails
-- are not known.
WITH people AS (
    -- Decision: the role is that of the person it was with, as it is today (see contacts.sql).
    SELECT
        CAST(c.id AS VARCHAR) AS id,
        CASE
            WHEN LOWER(CAST(r.roles AS VARCHAR)) LIKE '%decision maker%' THEN 'executive'
            WHEN LOWER(CAST(r.roles AS VARCHAR)) LIKE '%economic buyer%' THEN 'executive'
            WHEN LOWER(CAST(r.roles AS VARCHAR)) LIKE '%sponsor%' THEN 'sponsor'
            WHEN LOWER(CAST(r.roles AS VARCHAR)) LIKE '%champion%' THEN 'champion'
            WHEN LOWER(CAST(r.roles AS VARCHAR)) LIKE '%admin%' THEN 'admin'
            WHEN LOWER(CAST(r.roles AS VARCHAR)) LIKE '%technical buyer%' THEN 'admin'
            WHEN LOWER(CAST(r.roles AS VARCHAR)) LIKE '%user%' THEN 'user'
            WHEN LOWER(CAST(c.title AS VARCHAR)) IN ('ceo', 'cfo', 'coo', 'cto', 'cio') THEN 'executive'
            WHEN LOWER(CAST(c.title AS VARCHAR)) LIKE 'chief %' THEN 'executive'
            WHEN LOWER(CAST(c.title AS VARCHAR)) LIKE 'vp%' THEN 'executive'
            WHEN LOWER(CAST(c.title AS VARCHAR)) LIKE 'vice president%' THEN 'executive'
        END AS role
    FROM contact AS c
    LEFT JOIN account_contact_relation AS r ON CAST(r.contact_id AS VARCHAR) = CAST(c.id AS VARCHAR)
        AND CAST(r.account_id AS VARCHAR) = CAST(c.account_id AS VARCHAR)
        AND COALESCE(CAST(r.is_deleted AS BOOLEAN), FALSE) = FALSE
    WHERE COALESCE(CAST(c._fivetran_active AS BOOLEAN), TRUE) = TRUE
),
activities AS (
    SELECT
        CAST(e.id AS VARCHAR) AS id,
        CAST(e.account_id AS VARCHAR) AS account_id,
        CAST(e.who_id AS VARCHAR) AS who_id,
        COALESCE(CAST(e.start_date_time AS TIMESTAMPTZ), CAST(e.activity_date AS TIMESTAMPTZ)) AS happened_at,
        CAST(e.created_date AS TIMESTAMPTZ) AS created_at,
        CASE LOWER(CAST(e.type AS VARCHAR))
            WHEN 'call' THEN 'call' WHEN 'email' THEN 'email' ELSE 'meeting'
        END AS kind,
        CASE
            WHEN LOWER(CONCAT(CAST(e.type AS VARCHAR), ' ', CAST(e.subject AS VARCHAR))) LIKE '%no show%' THEN FALSE
            WHEN LOWER(CONCAT(CAST(e.type AS VARCHAR), ' ', CAST(e.subject AS VARCHAR))) LIKE '%no-show%' THEN FALSE
        END AS attended
    FROM event AS e
    WHERE COALESCE(CAST(e.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(e._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(e._fivetran_active AS BOOLEAN), TRUE) = TRUE
        -- Copies for each invitee, and the pattern of a series.
        AND COALESCE(CAST(e.is_child AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(e.is_recurrence AS BOOLEAN), FALSE) = FALSE
        AND LOWER(COALESCE(CAST(e.subject AS VARCHAR), '')) NOT LIKE 'canceled%'
        AND LOWER(COALESCE(CAST(e.subject AS VARCHAR), '')) NOT LIKE 'cancelled%'
    UNION ALL
    SELECT
        CAST(t.id AS VARCHAR) AS id,
        CAST(t.account_id AS VARCHAR) AS account_id,
        CAST(t.who_id AS VARCHAR) AS who_id,
        -- `activity_date` is the day by which it was due.
        COALESCE(
            CAST(t.completed_date_time AS TIMESTAMPTZ), CAST(t.activity_date AS TIMESTAMPTZ),
            CAST(t.created_date AS TIMESTAMPTZ)
        ) AS happened_at,
        CAST(t.created_date AS TIMESTAMPTZ) AS created_at,
        CASE
            WHEN LOWER(CAST(t.task_subtype AS VARCHAR)) = 'call' OR LOWER(CAST(t.type AS VARCHAR)) = 'call' THEN 'call'
            ELSE 'email'
        END AS kind,
        CAST(NULL AS BOOLEAN) AS attended
    FROM task AS t
    WHERE COALESCE(CAST(t.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(t._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(t._fivetran_active AS BOOLEAN), TRUE) = TRUE
        AND COALESCE(CAST(t.is_closed AS BOOLEAN), LOWER(CAST(t.status AS VARCHAR)) = 'completed') = TRUE
        AND (
            LOWER(CAST(t.task_subtype AS VARCHAR)) IN ('call', 'email')
            OR LOWER(CAST(t.type AS VARCHAR)) IN ('call', 'email')
        )
        AND LOWER(COALESCE(CAST(t.task_subtype AS VARCHAR), '')) <> 'listemail'
        AND LOWER(COALESCE(CAST(t.call_disposition AS VARCHAR), '')) NOT LIKE '%no answer%'
        AND LOWER(COALESCE(CAST(t.call_disposition AS VARCHAR), '')) NOT LIKE '%voicemail%'
        AND LOWER(COALESCE(CAST(t.call_disposition AS VARCHAR), '')) NOT LIKE '%busy%'
)
SELECT
    a.id AS touchpoint_id,
    a.account_id AS account_id,
    a.happened_at AS happened_at,
    -- Somebody may enter a meeting days after it: nobody knew of it before.
    a.created_at AS known_at,
    a.kind AS kind,
    p.role AS role,
    a.attended AS attended
FROM activities AS a
LEFT JOIN people AS p ON p.id = a.who_id
WHERE a.account_id IS NOT NULL
