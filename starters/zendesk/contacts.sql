-- Contacts: the end users of every organization, one row each.
--
-- Decision: there is no role. Zendesk knows end users, agents and admins, and the last two are your own team. Where a
-- custom field tells sponsors and champions, map it to role: executive, sponsor, champion, admin or user.
WITH known_organizations AS (
    SELECT CAST(o.id AS VARCHAR) AS id
    FROM organizations AS o
    WHERE COALESCE(CAST(o._fivetran_deleted AS BOOLEAN), FALSE) = FALSE AND o.deleted_at IS NULL
)
SELECT
    u.id AS contact_id,
    u.organization_id AS account_id,
    -- Decision: in the role since the user was created; days are those of UTC.
    CAST(CAST(u.created_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE) AS since,
    -- Decision: a deleted user left on the day of the last change.
    CASE
        WHEN COALESCE(CAST(u.active AS BOOLEAN), TRUE) = FALSE
            OR COALESCE(CAST(u._fivetran_deleted AS BOOLEAN), FALSE) = TRUE
            THEN CAST(CAST(u.updated_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE)
    END AS left_on,
    CASE WHEN k.id IS NULL THEN 'organization_deleted' END AS quarantine_reason
FROM users AS u
LEFT JOIN known_organizations AS k ON k.id = CAST(u.organization_id AS VARCHAR)
-- Agents and admins are your own team; a user without an organization belongs to no account; a suspended one is spam.
-- Who was deleted on no known day is left out, or would be there still.
WHERE
    u.role = 'end-user'
    AND u.organization_id IS NOT NULL
    AND COALESCE(CAST(u.suspended AS BOOLEAN), FALSE) = FALSE
    AND (
        u.updated_at IS NOT NULL
        OR COALESCE(CAST(u.active AS BOOLEAN), TRUE) = TRUE
        AND COALESCE(CAST(u._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
    )
