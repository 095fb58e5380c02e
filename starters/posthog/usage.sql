-- Usage: events, added up per account, day, user and feature.
--
-- Decision: the account is the group of the first type (`$group_0`), as the event itself names it. Write the other number
-- where yours is another one.
-- Decision: the user is the person that PostHog knew when the event came in, else the distinct id. Persons that were
-- merged later color no earlier day. Anonymous visitors of an account count as use, but not as users.
-- Decision: a feature is the name of the event. Of PostHog's own events (`$...`) only page views, screens and clicks count.
-- Decision: a row is known when its last event was stored, where the export says so. Take known_at out after an import of
-- old events; else all of them are known only since then.
-- Days are those of UTC.
WITH sent AS (
    SELECT
        CAST(e.uuid AS VARCHAR) AS uuid,
        CAST(e.event AS VARCHAR) AS event,
        COALESCE(CAST(e.person_id AS VARCHAR), CAST(e.distinct_id AS VARCHAR)) AS user_id,
        CAST(e.group_0 AS VARCHAR) AS group_key,
        CAST(e.timestamp AS TIMESTAMPTZ) AS happened_at,
        CAST(e.created_at AS TIMESTAMPTZ) AS stored_at,
        -- Without the signs in front of its keys, which not every database reads.
        CAST(REPLACE(NULLIF(CAST(e.properties AS VARCHAR), ''), '"$', '"') AS JSON) AS properties
    FROM events AS e
),
named AS (
    SELECT
        s.uuid AS uuid,
        CASE WHEN COALESCE(s.properties ->> 'is_identified', 'true') <> 'false' THEN s.user_id END AS user_id,
        NULLIF(COALESCE(s.group_key, s.properties ->> 'group_0'), '') AS account_id,
        LOWER(REPLACE(REPLACE(TRIM(s.event), '$', ''), ' ', '_')) AS feature,
        s.happened_at AS happened_at,
        s.stored_at AS stored_at
    FROM sent AS s
    -- Robots and the developers' own machines are no use of the product. Add your own staff.
    WHERE
        (s.event NOT LIKE '$%' OR s.event IN ('$pageview', '$screen', '$autocapture'))
        AND LOWER(COALESCE(s.properties ->> 'raw_user_agent', '')) NOT LIKE '%bot%'
        AND LOWER(COALESCE(s.properties ->> 'raw_user_agent', '')) NOT LIKE '%headless%'
        AND COALESCE(s.properties ->> 'host', '') NOT LIKE 'localhost%'
        AND COALESCE(s.properties ->> 'host', '') NOT LIKE '127.0.0.1%'
)
SELECT
    n.account_id AS account_id,
    CAST(n.happened_at AT TIME ZONE 'UTC' AS DATE) AS day,
    n.user_id AS user_id,
    n.feature AS feature,
    -- An event that was exported twice has one id.
    COUNT(DISTINCT n.uuid) AS events,
    MAX(n.stored_at) AS known_at,
    CASE
        WHEN n.account_id IS NULL THEN 'user_without_group'
        WHEN n.happened_at > n.stored_at + INTERVAL '1 day' THEN 'later_than_stored'
    END AS quarantine_reason
FROM named AS n
-- Visitors that neither logged in nor belong to a group are nobody's use.
WHERE n.user_id IS NOT NULL OR n.account_id IS NOT NULL
GROUP BY
    n.account_id,
    CAST(n.happened_at AT TIME ZONE 'UTC' AS DATE),
    n.user_id,
    n.feature,
    CASE
        WHEN n.account_id IS NULL THEN 'user_without_group'
        WHEN n.happened_at > n.stored_at + INTERVAL '1 day' THEN 'later_than_stored'
    END
