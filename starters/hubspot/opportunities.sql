-- Opportunities: one row per deal and stage it entered. Deleted deals and those merged into another are left out.
--
-- Decision: a renewal is a deal whose type, pipeline or name says so (`renew`); an expansion is any other of an
-- existing business. New business, and deals without a type, are left out.
-- Decision: a deal without a stage history is open from its creation, and won or lost on its close date,
-- without one at its last change. Where neither is known, nobody knows since when a closed deal is closed: left out.
-- Decision: a stage is won where HubSpot says so (`closed_won`, or the probability 1), else where its label does; any
-- other closed one is lost. What a deal says itself of being won or lost counts before the stage that it is in.
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
        AND COALESCE(CAST(x._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
),
entered AS (
    SELECT
        CAST(h.deal_id AS VARCHAR) AS deal_id,
        CAST(h.date_entered AS TIMESTAMPTZ) AS changed_at,
        CAST(h.value AS VARCHAR) AS stage_id
    FROM deal_stage AS h
),
used AS (
    SELECT CAST(d.deal_pipeline_stage_id AS VARCHAR) AS id
    FROM deal AS d
    UNION
    SELECT e.stage_id
    FROM entered AS e
),
labeled AS (
    SELECT
        u.id AS id,
        -- The stages of a new HubSpot have ids that are words, also where their table is missing.
        LOWER(u.id) AS code,
        CAST(s.closed_won AS BOOLEAN) AS closed_won,
        CAST(s.is_closed AS BOOLEAN) AS is_closed,
        CAST(s.probability AS VARCHAR) AS probability,
        LOWER(CAST(s.label AS VARCHAR)) AS label,
        CONCAT(' ', TRANSLATE(LOWER(CAST(s.label AS VARCHAR)), '-_/():.,!', '         '), ' ') AS words
    FROM used AS u
    LEFT JOIN deal_pipeline_stage AS s ON CAST(s.stage_id AS VARCHAR) = u.id
),
stages AS (
    SELECT
        l.id AS id,
        CASE
            WHEN l.closed_won = TRUE THEN 'won'
            WHEN l.is_closed = FALSE THEN 'open'
            WHEN l.closed_won = FALSE AND l.is_closed = TRUE THEN 'lost'
            WHEN l.probability = '1' OR l.probability LIKE '1.0%' THEN 'won'
            WHEN l.probability IN ('0', '0.0', '0.00') THEN 'lost'
            WHEN l.code LIKE 'closedlost%' OR l.code = 'closed lost' OR l.words LIKE '% lost %' THEN 'lost'
            WHEN l.words LIKE '% not won %' THEN 'lost'
            WHEN l.code LIKE 'closedwon%' OR l.code = 'closed won' OR l.words LIKE '% won %' THEN 'won'
            WHEN l.is_closed = TRUE THEN 'lost'
            ELSE 'open'
        END AS outcome,
        CASE
            WHEN l.label LIKE '%negotiat%' OR l.label LIKE '%contract%' OR l.code = 'contractsent' THEN 'negotiation'
            WHEN l.label LIKE '%proposal%' OR l.label LIKE '%quote%' THEN 'proposal'
            ELSE 'open'
        END AS step
    FROM labeled AS l
),
deals AS (
    SELECT
        CAST(d.deal_id AS VARCHAR) AS id,
        c.company_id AS company_id,
        CAST(d.deal_pipeline_stage_id AS VARCHAR) AS stage_id,
        CASE
            WHEN CAST(d.property_hs_is_closed_won AS BOOLEAN) = TRUE THEN 'won'
            WHEN CAST(d.property_hs_is_closed_won AS BOOLEAN) = FALSE
                AND CAST(d.property_hs_is_closed AS BOOLEAN) = TRUE THEN 'lost'
            WHEN s.outcome = 'open' AND CAST(d.property_hs_is_closed AS BOOLEAN) = TRUE THEN 'lost'
            WHEN s.outcome = 'open' THEN s.step
            ELSE s.outcome
        END AS stage,
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
    LEFT JOIN stages AS s ON s.id = CAST(d.deal_pipeline_stage_id AS VARCHAR)
    LEFT JOIN deal_pipeline AS p ON CAST(p.pipeline_id AS VARCHAR) = CAST(d.deal_pipeline_id AS VARCHAR)
    LEFT JOIN owner AS o ON CAST(o.owner_id AS VARCHAR) = CAST(d.owner_id AS VARCHAR)
    LEFT JOIN merged_deal AS m ON CAST(m.merged_deal_id AS VARCHAR) = CAST(d.deal_id AS VARCHAR)
    WHERE COALESCE(CAST(d.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(d._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND m.merged_deal_id IS NULL
),
changes AS (
    SELECT
        e.deal_id AS deal_id,
        e.changed_at AS changed_at,
        CASE WHEN e.stage_id = d.stage_id THEN d.stage WHEN s.outcome = 'open' THEN s.step ELSE s.outcome END AS stage
    FROM entered AS e
    JOIN deals AS d ON d.id = e.deal_id
    LEFT JOIN stages AS s ON s.id = e.stage_id
    UNION ALL
    SELECT d.id, d.created_at, 'open'
    FROM deals AS d
    WHERE NOT EXISTS (SELECT 1 FROM entered AS e WHERE e.deal_id = d.id)
        AND (d.stage NOT IN ('won', 'lost') OR d.closed_at > d.created_at)
    UNION ALL
    -- A close date before the deal was entered is that of its entry: nobody knew of it before.
    SELECT d.id, CASE WHEN d.closed_at > d.created_at THEN d.closed_at ELSE d.created_at END, d.stage
    FROM deals AS d
    WHERE NOT EXISTS (SELECT 1 FROM entered AS e WHERE e.deal_id = d.id)
        AND d.stage IN ('won', 'lost')
        AND d.closed_at IS NOT NULL
)
SELECT
    d.id AS opportunity_id,
    d.company_id AS account_id,
    c.changed_at AS changed_at,
    d.kind AS kind,
    c.stage AS stage,
    d.value AS value,
    d.currency AS currency,
    d.owner AS owner
FROM changes AS c
JOIN deals AS d ON d.id = c.deal_id
WHERE d.kind IS NOT NULL
