-- Contacts: one row per user of a company. Leads are no customers yet and are left out.
--
-- Decision: there is no role. Intercom knows users and leads; map an attribute of yours to role where it tells sponsors.
-- Decision: a user of several companies is set aside, since nothing says whose contact that is.
WITH known_companies AS (
    SELECT
        CAST(c.id AS VARCHAR) AS id,
        CAST(c._fivetran_deleted AS BOOLEAN) AS is_deleted,
        ROW_NUMBER() OVER (PARTITION BY CAST(c.id AS VARCHAR) ORDER BY CAST(c.updated_at AS VARCHAR) DESC) AS place
    FROM companies AS c
),
memberships AS (
    SELECT
        CAST(m.contact_id AS VARCHAR) AS contact_id,
        CAST(m.company_id AS VARCHAR) AS company_id,
        RANK() OVER (
            PARTITION BY CAST(m.contact_id AS VARCHAR) ORDER BY CAST(m.contact_updated_at AS VARCHAR) DESC
        ) AS place
    FROM contact_companies AS m
),
companies_of AS (
    SELECT
        s.contact_id AS contact_id,
        MIN(s.company_id) AS company_id,
        COUNT(DISTINCT s.company_id) AS companies
    FROM memberships AS s
    WHERE s.place = 1
    GROUP BY s.contact_id
),
versions AS (
    SELECT
        c.id AS id,
        c.role AS role,
        c._fivetran_deleted AS is_deleted,
        -- Some loaders keep Intercom's seconds since 1970.
        CASE
            WHEN CAST(c.created_at AS VARCHAR) LIKE '%-%' THEN CAST(CAST(c.created_at AS VARCHAR) AS TIMESTAMPTZ)
            ELSE TO_TIMESTAMP(CAST(CAST(c.created_at AS VARCHAR) AS DOUBLE PRECISION))
        END AS created_at,
        ROW_NUMBER() OVER (PARTITION BY CAST(c.id AS VARCHAR) ORDER BY CAST(c.updated_at AS VARCHAR) DESC) AS place
    FROM contacts AS c
)
SELECT
    v.id AS contact_id,
    o.company_id AS account_id,
    -- Decision: in the role since Intercom knows the user; days are those of UTC.
    CAST(v.created_at AT TIME ZONE 'UTC' AS DATE) AS since,
    CASE
        WHEN o.companies > 1 THEN 'several_companies'
        WHEN k.id IS NULL OR COALESCE(k.is_deleted, FALSE) THEN 'company_deleted'
    END AS quarantine_reason
FROM versions AS v
JOIN companies_of AS o ON o.contact_id = CAST(v.id AS VARCHAR)
LEFT JOIN known_companies AS k ON k.id = o.company_id AND k.place = 1
WHERE
    v.place = 1
    AND v.role = 'user'
    AND COALESCE(CAST(v.is_deleted AS BOOLEAN), FALSE) = FALSE
