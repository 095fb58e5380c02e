-- Contacts: one row per person and role.
--
-- Decision: a person is in the role since the row says so. A change of role is another row with its own day.
SELECT
    p.contact_id AS contact_id,
    p.account_id AS account_id,
    p.since AS since,
    -- One of executive, sponsor, champion, admin and user: translate your own words.
    LOWER(CAST(p.role AS VARCHAR)) AS role,
    p.left_on AS left_on,
    CASE WHEN p.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM contacts AS p
WHERE
    COALESCE(CAST(p.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(p.is_test AS BOOLEAN), FALSE) = FALSE
    AND p.deleted_at IS NULL
