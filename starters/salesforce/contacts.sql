-- Contacts: one row per person of an account. Deleted ones and those merged into another are left out.
--
-- Decision: the role is that of the account's contact relation, else an executive's title. It holds since the
-- relation's start, else since the contact was created: Salesforce keeps today's role alone.
WITH people AS (
    SELECT
        CAST(c.id AS VARCHAR) AS id,
        CAST(c.account_id AS VARCHAR) AS account_id,
        COALESCE(CAST(r.start_date AS TIMESTAMPTZ), CAST(c.created_date AS TIMESTAMPTZ)) AS since,
        CAST(r.end_date AS TIMESTAMPTZ) AS left_at,
        LOWER(CAST(r.roles AS VARCHAR)) AS roles,
        LOWER(CAST(c.title AS VARCHAR)) AS title
    FROM contact AS c
    LEFT JOIN account_contact_relation AS r ON CAST(r.contact_id AS VARCHAR) = CAST(c.id AS VARCHAR)
        AND CAST(r.account_id AS VARCHAR) = CAST(c.account_id AS VARCHAR)
        AND COALESCE(CAST(r.is_deleted AS BOOLEAN), FALSE) = FALSE
    WHERE COALESCE(CAST(c.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(c._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(c._fivetran_active AS BOOLEAN), TRUE) = TRUE
        AND c.master_record_id IS NULL
        AND c.account_id IS NOT NULL
)
SELECT
    p.id AS contact_id,
    p.account_id AS account_id,
    CAST(p.since AS DATE) AS since,
    -- Several roles are one text (`Decision Maker;Business User`): the first of this list counts.
    CASE
        WHEN p.roles LIKE '%decision maker%' OR p.roles LIKE '%economic buyer%' THEN 'executive'
        WHEN p.roles LIKE '%sponsor%' THEN 'sponsor'
        WHEN p.roles LIKE '%champion%' THEN 'champion'
        WHEN p.roles LIKE '%admin%' OR p.roles LIKE '%technical buyer%' THEN 'admin'
        WHEN p.roles LIKE '%user%' THEN 'user'
        WHEN p.title LIKE 'chief %' OR p.title IN ('ceo', 'cfo', 'coo', 'cto', 'cio') THEN 'executive'
        WHEN p.title LIKE 'vp%' OR p.title LIKE 'vice president%' THEN 'executive'
    END AS role,
    CAST(p.left_at AS DATE) AS left_on
FROM people AS p
