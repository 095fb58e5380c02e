-- Accounts: one row per organization, as it is today.
--
-- Decision: Zendesk keeps no history of an organization, so there is no valid_from, and nothing but its name is read.
-- For a segment, an industry or a CSM add the custom field of the organization, and name it in fixed_since_signup of
-- pipeline.toml where it never changes.
SELECT
    o.id AS account_id,
    o.name AS name
FROM organizations AS o
-- Deleted organizations do not count. One that was merged into another is deleted, and its tickets have moved.
WHERE COALESCE(CAST(o._fivetran_deleted AS BOOLEAN), FALSE) = FALSE AND o.deleted_at IS NULL
