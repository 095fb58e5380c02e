-- Accounts: one row per group, as it is today.
--
-- Decision: accounts are groups of the first type (index 0). Write the other index where yours is another one.
-- Decision: no valid_from; the industry is taken as fixed since signup (fixed_since_signup in pipeline.toml).
SELECT
    g.group_key AS account_id,
    COALESCE(
        CAST(g.name AS VARCHAR), CAST(NULLIF(CAST(g.group_properties AS VARCHAR), '') AS JSON) ->> 'name'
    ) AS name,
    COALESCE(
        CAST(g.industry AS VARCHAR), CAST(NULLIF(CAST(g.group_properties AS VARCHAR), '') AS JSON) ->> 'industry'
    ) AS industry
FROM groups AS g
WHERE COALESCE(CAST(g.group_type_index AS VARCHAR), '0') = '0'
