-- Contacts: one row per person of a company. Those merged into another are left out.
--
-- Decision: the role is today's buying role, since the contact was created: the table does not say when it was given.
-- Decision: who was deleted has left, on the day on which the loader last saw the contact, else on that of its last
-- change. HubSpot has no other date for it: give left_on a property of yours where you have one, or where you load
-- everything anew. Who was deleted on no known day is left out, or would be there still.
WITH merged AS (
    -- `id:time;id:time ...` of the contacts that went into this one.
    SELECT SPLIT_PART(v.vid, ':', 1) AS id
    FROM (
        SELECT UNNEST(STRING_TO_ARRAY(CAST(m.property_hs_calculated_merged_vids AS VARCHAR), ';')) AS vid
        FROM contact AS m
    ) AS v
),
people AS (
    SELECT
        CAST(c.id AS VARCHAR) AS id,
        CAST(c.property_associatedcompanyid AS VARCHAR) AS company_id,
        CAST(c.property_createdate AS TIMESTAMPTZ) AS created_at,
        COALESCE(CAST(c._fivetran_deleted AS BOOLEAN), FALSE) OR COALESCE(CAST(c.is_deleted AS BOOLEAN), FALSE)
            AS is_deleted,
        COALESCE(CAST(c._fivetran_synced AS TIMESTAMPTZ), CAST(c.property_lastmodifieddate AS TIMESTAMPTZ)) AS seen_at,
        UPPER(CAST(c.property_hs_buying_role AS VARCHAR)) AS roles
    FROM contact AS c
    LEFT JOIN company AS k ON CAST(k.id AS VARCHAR) = CAST(c.property_associatedcompanyid AS VARCHAR)
    WHERE COALESCE(CAST(k.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(k._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND c.property_associatedcompanyid IS NOT NULL
)
SELECT
    p.id AS contact_id,
    p.company_id AS account_id,
    CAST(p.created_at AS DATE) AS since,
    CAST(CASE WHEN p.is_deleted THEN p.seen_at END AS DATE) AS left_on,
    -- Several roles are one text (`CHAMPION;END_USER`): the first of this list counts.
    CASE
        WHEN p.roles LIKE '%DECISION_MAKER%' OR p.roles LIKE '%BUDGET_HOLDER%' OR p.roles = 'EXECUTIVE' THEN 'executive'
        WHEN p.roles LIKE '%SPONSOR%' THEN 'sponsor'
        WHEN p.roles LIKE '%CHAMPION%' THEN 'champion'
        WHEN p.roles LIKE '%USER%' THEN 'user'
        WHEN p.roles LIKE '%ADMIN%' THEN 'admin'
    END AS role
FROM people AS p
WHERE NOT EXISTS (SELECT 1 FROM merged AS m WHERE m.id = p.id)
    AND (p.seen_at IS NOT NULL OR NOT p.is_deleted)
