-- Accounts: one row per group, as its last calls describe it.
--
-- Decision: a call that sends no name or industry changes neither: the last one sent counts.
-- Decision: no valid_from; the industry is taken as fixed since signup (fixed_since_signup in pipeline.toml). Take it out
-- of that list where it changes: it stays empty then.
WITH named AS (
    SELECT
        g.group_id AS group_id,
        g.name AS name,
        ROW_NUMBER() OVER (
            PARTITION BY g.group_id
            ORDER BY CASE WHEN g.name IS NULL THEN 1 ELSE 0 END, CAST(g.timestamp AS TIMESTAMPTZ) DESC
        ) AS place
    FROM groups AS g
),
industries AS (
    SELECT
        g.group_id AS group_id,
        g.industry AS industry,
        ROW_NUMBER() OVER (
            PARTITION BY g.group_id
            ORDER BY CASE WHEN g.industry IS NULL THEN 1 ELSE 0 END, CAST(g.timestamp AS TIMESTAMPTZ) DESC
        ) AS place
    FROM groups AS g
)
SELECT
    n.group_id AS account_id,
    n.name AS name,
    i.industry AS industry
FROM named AS n
JOIN industries AS i ON i.group_id = n.group_id AND i.place = 1
WHERE n.place = 1 AND n.group_id IS NOT NULL
