-- Accounts: one row per company. Deleted ones are left out; HubSpot deletes what was merged into another.
--
-- Decision: rows are undated (no valid_from), since the table holds today's values alone.
-- Decision: every company is an account, whatever its lifecycle stage: today's stage must not decide who was a customer
-- last year. Those without a contract never count.
-- Decision: there is no segment. Add one, dated by valid_from, from a property of yours.
SELECT
    c.id AS account_id,
    c.property_name AS name,
    c.property_hs_parent_company_id AS parent_id,
    c.property_industry AS industry,
    -- Decision: a country's name is no code of ISO 3166, and is left out.
    CASE
        WHEN LENGTH(CAST(c.property_hs_country_code AS VARCHAR)) = 2
            THEN UPPER(CAST(c.property_hs_country_code AS VARCHAR))
    END AS country,
    -- Decision: the owner of the company is its CSM.
    COALESCE(
        NULLIF(TRIM(CONCAT(CAST(o.first_name AS VARCHAR), ' ', CAST(o.last_name AS VARCHAR))), ''),
        CAST(o.email AS VARCHAR)
    ) AS csm
FROM company AS c
LEFT JOIN owner AS o ON CAST(o.owner_id AS VARCHAR) = CAST(c.property_hubspot_owner_id AS VARCHAR)
WHERE COALESCE(CAST(c.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(c._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
