-- Contacts: one row per user and group, since the first group call.
--
-- Decision: there is no role. Where a trait of the user tells sponsors, champions or admins, map it to role.
-- Decision: nobody leaves: Segment is not told of it.
WITH joined AS (
    SELECT
        g.user_id AS user_id,
        g.group_id AS group_id,
        MIN(CAST(g.timestamp AS TIMESTAMPTZ)) AS joined_at
    FROM groups AS g
    WHERE g.user_id IS NOT NULL AND g.group_id IS NOT NULL
    GROUP BY g.user_id, g.group_id
),
by_day AS (
    SELECT
        j.user_id AS user_id,
        j.group_id AS group_id,
        -- Days are those of UTC.
        CAST(j.joined_at AT TIME ZONE 'UTC' AS DATE) AS since,
        -- Of two groups joined on one day the later one counts.
        ROW_NUMBER() OVER (
            PARTITION BY j.user_id, CAST(j.joined_at AT TIME ZONE 'UTC' AS DATE)
            ORDER BY j.joined_at DESC, j.group_id
        ) AS place
    FROM joined AS j
)
SELECT
    d.user_id AS contact_id,
    d.group_id AS account_id,
    d.since AS since
FROM by_day AS d
WHERE d.place = 1
