-- Accounts: one row per account, or per account and change where valid_from says since when a row holds.
--
-- Decision: without valid_from, industry and country are taken as fixed since signup (fixed_since_signup in
-- pipeline.toml). Add segment there where it never changes; else it stays empty.
SELECT
    a.account_id AS account_id,
    a.valid_from AS valid_from,
    a.name AS name,
    a.parent_id AS parent_id,
    a.industry AS industry,
    -- ISO 3166 knows the United Kingdom as GB. Decision: a country's name is no code of it, and is left out.
    CASE
        WHEN UPPER(CAST(a.country AS VARCHAR)) = 'UK' THEN 'GB'
        WHEN LENGTH(CAST(a.country AS VARCHAR)) = 2 THEN UPPER(CAST(a.country AS VARCHAR))
    END AS country,
    a.segment AS segment,
    a.csm AS csm,
    a.email_opt_out AS email_opt_out
FROM accounts AS a
-- Rows that are deleted or made for tests do not count.
WHERE
    COALESCE(CAST(a.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(a.is_test AS BOOLEAN), FALSE) = FALSE
    AND a.deleted_at IS NULL
