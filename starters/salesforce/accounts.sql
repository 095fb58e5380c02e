-- Accounts: one row per account. Deleted ones and those merged into another (`master_record_id`) are left out.
--
-- Decision: rows are undated (no valid_from), since the table holds today's values alone.
-- Decision: every account is one, also prospects: those without a contract never count.
-- Decision: there is no segment. Add one, dated by valid_from, from a field of yours.
SELECT
    a.id AS account_id,
    a.name AS name,
    a.parent_id AS parent_id,
    a.industry AS industry,
    -- A country's name, where codes are not kept, is none of ISO 3166.
    CASE
        WHEN LENGTH(CAST(a.billing_country_code AS VARCHAR)) = 2 THEN UPPER(CAST(a.billing_country_code AS VARCHAR))
    END AS country,
    -- Decision: the owner of the account is its CSM.
    u.name AS csm
FROM account AS a
LEFT JOIN users AS u ON CAST(u.id AS VARCHAR) = CAST(a.owner_id AS VARCHAR)
    AND COALESCE(CAST(u._fivetran_active AS BOOLEAN), TRUE) = TRUE
WHERE COALESCE(CAST(a.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(a._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(a._fivetran_active AS BOOLEAN), TRUE) = TRUE
    AND a.master_record_id IS NULL
