-- Opportunities: one row per deal and stage it entered. Deleted deals and those merged into another are left out.
--
-- Decision: a renewal is a deal whose type, pipeline or name says so (`renew`); an expansion is any other of an
-- existing business. New business, and deals without a type, are left out.
-- Decision: a deal without a stage history is open from its creation, and won or lost on its close date,
-- without one at its last change.
-- Decision: amount, owner and kind are today's also in the past: only the stage has a history.
WITH companies AS (
    SELECT
        CAST(x.deal_id AS VARCHAR) AS deal_id,
        CAST(x.company_id AS VARCHAR) AS company_id,
        -- A deal of several companies counts for its primary one (association type 5).
        ROW_NUMBER() OVER (
            PARTITION BY CAST(x.deal_id AS VARCHAR)
            ORDER BY CASE WHEN CAST(x.type_id AS VARCHAR) = '5' THEN 0 ELSE 1 END, CAST(x.company_id AS VARCHAR)
        ) AS place
    FROM deal_company AS x
    LEFT JOIN company AS k ON CAST(k.id AS VARCHAR) = CAST(x.company_id AS VARCHAR)
    WHERE COALESCE(CAST(k.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(k._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
),
deals AS (
    SELECT
        CAST(d.deal_id AS VARCHAR) AS id,
        c.company_id AS company_id,
        CAST(d.deal_pipeline_stage_id AS VARCHAR) AS stage_id,
        CAST(d.property_createdate AS TIMESTAMPTZ) AS created_at,
        COALESCE(
            CAST(d.property_closedate AS TIMESTAMPTZ), CAST(d.property_hs_lastmodifieddate AS TIMESTAMPTZ)
        ) AS closed_at,
        CASE
            WHEN LOWER(CONCAT(
                CAST(d.property_dealtype AS VARCHAR), ' ', CAST(p.label AS VARCHAR), ' ',
                CAST(d.property_dealname AS VARCHAR)
            )) LIKE '%renew%' THEN 'renewal'
            WHEN LOWER(CAST(d.property_dealtype AS VARCHAR)) IN ('existingbusiness', 'existing business')
                THEN 'expansion'
        END AS kind,
        -- Decision: annual recurring revenue where HubSpot computes it, else the amount, taken as that of a year.
        COALESCE(CAST(d.property_hs_arr AS DOUBLE PRECISION), CAST(d.property_amount AS DOUBLE PRECISION)) AS value,
        UPPER(CAST(d.property_deal_currency_code AS VARCHAR)) AS currency,
        COALESCE(
            NULLIF(TRIM(CONCAT(CAST(o.first_name AS VARCHAR), ' ', CAST(o.last_name AS VARCHAR))), ''),
            CAST(o.email AS VARCHAR)
        ) AS owner
    FROM deal AS d
    JOIN companies AS c ON c.deal_id = CAST(d.deal_id AS VARCHAR) AND c.place = 1
    LEFT JOIN deal_pipeline AS p ON CAST(p.pipeline_id AS VARCHAR) = CAST(d.deal_pipeline_id AS VARCHAR)
    LEFT JOIN owner AS o ON CAST(o.owner_id AS VARCHAR) = CAST(d.owner_id AS VARCHAR)
    LEFT JOIN merged_deal AS m ON CAST(m.merged_deal_id AS VARCHAR) = CAST(d.deal_id AS VARCHAR)
    WHERE COALESCE(CAST(d.is_deleted AS BOOLEAN), FALSE) = FALSE AND m.merged_deal_id IS NULL
),
stages AS (
    SELECT
        CAST(s.stage_id AS VARCHAR) AS id,
        CASE
            WHEN COALESCE(CAST(s.closed_won AS BOOLEAN), FALSE) = TRUE THEN 'won'
            WHEN COALESCE(CAST(s.is_closed AS BOOLEAN), FALSE) = TRUE THEN 'lost'
            WHEN LOWER(CAST(s.stage_id AS VARCHAR)) LIKE 'closedlost%' THEN 'lost'
            WHEN LOWER(CAST(s.label AS VARCHAR)) LIKE '%closed lost%' THEN 'lost'
            WHEN LOWER(CAST(s.label AS VARCHAR)) LIKE '%negotiat%' THEN 'negotiation'
            WHEN LOWER(CAST(s.label AS VARCHAR)) LIKE '%contract%' THEN 'negotiation'
            WHEN LOWER(CAST(s.label AS VARCHAR)) LIKE '%proposal%' THEN 'proposal'
            WHEN LOWER(CAST(s.label AS VARCHAR)) LIKE '%quote%' THEN 'proposal'
            ELSE 'open'
        END AS stage
    FROM deal_pipeline_stage AS s
),
entered AS (
    SELECT
        CAST(h.deal_id AS VARCHAR) AS deal_id,
        CAST(h.date_entered AS TIMESTAMPTZ) AS changed_at,
        CAST(h.value AS VARCHAR) AS stage_id
    FROM deal_stage AS h
),
changes AS (
    SELECT e.deal_id, e.changed_at, e.stage_id, FALSE AS assumed_open
    FROM entered AS e
    UNION ALL
    SELECT d.id, d.created_at, d.stage_id, TRUE
    FROM deals AS d
    WHERE NOT EXISTS (SELECT 1 FROM entered AS e WHERE e.deal_id = d.id)
    UNION ALL
    SELECT d.id, d.closed_at, d.stage_id, FALSE
    FROM deals AS d
    LEFT JOIN stages AS s ON s.id = d.stage_id
    WHERE NOT EXISTS (SELECT 1 FROM entered AS e WHERE e.deal_id = d.id)
        AND COALESCE(s.stage, LOWER(d.stage_id))
            IN ('won', 'lost', 'closedwon', 'closedlost', 'closed won', 'closed lost')
        AND d.closed_at > d.created_at
)
SELECT
    d.id AS opportunity_id,
    d.company_id AS account_id,
    c.changed_at AS changed_at,
    d.kind AS kind,
    CASE
        WHEN c.assumed_open THEN 'open'
        WHEN s.stage IS NOT NULL THEN s.stage
        -- The stages of a new HubSpot, where their table is missing.
        WHEN LOWER(c.stage_id) IN ('closedwon', 'closed won') THEN 'won'
        WHEN LOWER(c.stage_id) IN ('closedlost', 'closed lost') THEN 'lost'
        WHEN LOWER(c.stage_id) = 'contractsent' THEN 'negotiation'
        ELSE 'open'
    END AS stage,
    d.value AS value,
    d.currency AS currency,
    d.owner AS owner
FROM changes AS c
JOIN deals AS d ON d.id = c.deal_id
LEFT JOIN stages AS s ON s.id = c.stage_id
WHERE d.kind IS NOT NULL
