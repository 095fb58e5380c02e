-- Accounts: one row per company, as it is today.
--
-- Decision: where the loader keeps every version of a company, the newest counts.
-- Decision: no valid_from; the industry is taken as fixed since signup (fixed_since_signup in pipeline.toml).
-- The monthly spend and the plan are what your application sends; contracts are better read from billing.
WITH versions AS (
    SELECT
        c.id AS id,
        c.name AS name,
        c.industry AS industry,
        c._fivetran_deleted AS is_deleted,
        ROW_NUMBER() OVER (PARTITION BY CAST(c.id AS VARCHAR) ORDER BY CAST(c.updated_at AS VARCHAR) DESC) AS place
    FROM companies AS c
)
SELECT
    v.id AS account_id,
    v.name AS name,
    v.industry AS industry
FROM versions AS v
-- Deleted companies do not count.
WHERE v.place = 1 AND COALESCE(CAST(v.is_deleted AS BOOLEAN), FALSE) = FALSE
