-- Usage: track and page calls, added up per account, day, user and feature.
--
-- Decision: an event belongs to the group that it names itself, else to the group of the user's last group call before
-- it. What a user did before the first group call belongs to that first group, and is known from that call on.
-- Decision: anonymous events without a group are left out. Who they were is known only after a later login.
-- Decision: a row is known when its last event was received: an event that a phone sends a week later colors no earlier
-- score. Take known_at out where you imported old events in bulk; else all of them are known only since the import.
-- Decision: a feature is the name of the event, or `page_` and the name of the page. Days are those of UTC.
WITH events AS (
    SELECT
        CAST(t.id AS VARCHAR) AS id,
        CAST(t.user_id AS VARCHAR) AS user_id,
        CAST(t.context_group_id AS VARCHAR) AS group_id,
        LOWER(REPLACE(TRIM(t.event), ' ', '_')) AS feature,
        CAST(t.timestamp AS TIMESTAMPTZ) AS happened_at,
        CAST(t.received_at AS TIMESTAMPTZ) AS received_at,
        LOWER(COALESCE(CAST(t.context_user_agent AS VARCHAR), '')) AS user_agent
    FROM tracks AS t
    UNION ALL
    SELECT
        CAST(p.id AS VARCHAR) AS id,
        CAST(p.user_id AS VARCHAR) AS user_id,
        CAST(p.context_group_id AS VARCHAR) AS group_id,
        'page_' || LOWER(REPLACE(TRIM(COALESCE(CAST(p.name AS VARCHAR), 'view')), ' ', '_')) AS feature,
        CAST(p.timestamp AS TIMESTAMPTZ) AS happened_at,
        CAST(p.received_at AS TIMESTAMPTZ) AS received_at,
        LOWER(COALESCE(CAST(p.context_user_agent AS VARCHAR), '')) AS user_agent
    FROM pages AS p
),
calls AS (
    SELECT
        CAST(g.user_id AS VARCHAR) AS user_id,
        CAST(g.group_id AS VARCHAR) AS group_id,
        CAST(g.timestamp AS TIMESTAMPTZ) AS since,
        COALESCE(CAST(g.received_at AS TIMESTAMPTZ), CAST(g.timestamp AS TIMESTAMPTZ)) AS known_at,
        LEAD(CAST(g.timestamp AS TIMESTAMPTZ)) OVER (
            PARTITION BY g.user_id ORDER BY CAST(g.timestamp AS TIMESTAMPTZ), g.group_id
        ) AS until,
        ROW_NUMBER() OVER (
            PARTITION BY g.user_id ORDER BY CAST(g.timestamp AS TIMESTAMPTZ), g.group_id
        ) AS place
    FROM groups AS g
    WHERE g.user_id IS NOT NULL AND g.group_id IS NOT NULL
),
of_accounts AS (
    SELECT
        e.id AS id,
        e.user_id AS user_id,
        COALESCE(e.group_id, c.group_id) AS account_id,
        e.feature AS feature,
        CAST(e.happened_at AT TIME ZONE 'UTC' AS DATE) AS day,
        CASE WHEN e.group_id IS NULL AND e.happened_at < c.since THEN c.known_at ELSE e.received_at END AS known_at,
        CASE
            WHEN e.happened_at > e.received_at + INTERVAL '1 day' THEN 'later_than_received'
            WHEN COALESCE(e.group_id, c.group_id) IS NULL THEN 'user_without_group'
        END AS quarantine_reason
    FROM events AS e
    LEFT JOIN calls AS c
        ON c.user_id = e.user_id
        AND (c.place = 1 OR e.happened_at >= c.since)
        AND (c.until IS NULL OR e.happened_at < c.until)
    WHERE
        (e.user_id IS NOT NULL OR e.group_id IS NOT NULL)
        -- Robots, and what happens to a mail or a push message, are no use of the product. Add your own names.
        AND e.user_agent NOT LIKE '%bot%'
        AND e.user_agent NOT LIKE '%crawler%'
        AND e.user_agent NOT LIKE '%spider%'
        AND e.user_agent NOT LIKE '%headless%'
        AND e.feature NOT IN (
            'email_sent', 'email_delivered', 'email_opened', 'email_link_clicked', 'email_bounced',
            'email_marked_as_spam', 'unsubscribed', 'push_notification_received', 'push_notification_bounced'
        )
)
SELECT
    a.account_id AS account_id,
    a.day AS day,
    a.user_id AS user_id,
    a.feature AS feature,
    -- A call that was sent twice has one id.
    COUNT(DISTINCT a.id) AS events,
    MAX(a.known_at) AS known_at,
    a.quarantine_reason AS quarantine_reason
FROM of_accounts AS a
GROUP BY a.account_id, a.day, a.user_id, a.feature, a.quarantine_reason
