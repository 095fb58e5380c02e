-- Opportunities: one row per opportunity and change of its stage or amount. Deleted ones are left out.
--
-- Decision: a renewal is what its type or name calls so (`renew`); an expansion is any other of an existing customer.
-- New business, and opportunities without a type, are left out.
-- Decision: an opportunity without a history is open from its creation, and won or lost on its close date. Where its
-- close date is missing, nobody knows since when a closed one is closed: left out.
-- Decision: the amount is taken as that of a year.
WITH deals AS (
    SELECT
        CAST(o.id AS VARCHAR) AS id,
        CAST(o.account_id AS VARCHAR) AS account_id,
        CAST(o.stage_name AS VARCHAR) AS stage_name,
        CAST(o.created_date AS TIMESTAMPTZ) AS created_at,
        CAST(o.close_date AS TIMESTAMPTZ) AS close_at,
        COALESCE(
            CAST(o.is_closed AS BOOLEAN),
            CAST(o.is_won AS BOOLEAN) = TRUE OR LOWER(CAST(o.stage_name AS VARCHAR)) IN ('closed won', 'closed lost'),
            FALSE
        ) AS closed,
        CASE
            WHEN LOWER(CONCAT(CAST(o.type AS VARCHAR), ' ', CAST(o.name AS VARCHAR))) LIKE '%renew%' THEN 'renewal'
            WHEN LOWER(CAST(o.type AS VARCHAR)) LIKE 'existing%' THEN 'expansion'
            WHEN LOWER(CAST(o.type AS VARCHAR)) IN ('upsell', 'upgrade', 'expansion', 'cross-sell', 'add-on')
                THEN 'expansion'
        END AS kind,
        CAST(o.amount AS DOUBLE PRECISION) AS amount,
        UPPER(CAST(o.currency_iso_code AS VARCHAR)) AS currency,
        CAST(u.name AS VARCHAR) AS owner
    FROM opportunity AS o
    LEFT JOIN users AS u ON CAST(u.id AS VARCHAR) = CAST(o.owner_id AS VARCHAR)
        AND COALESCE(CAST(u._fivetran_active AS BOOLEAN), TRUE) = TRUE
    WHERE COALESCE(CAST(o.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(o._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(o._fivetran_active AS BOOLEAN), TRUE) = TRUE
        AND o.account_id IS NOT NULL
),
stages AS (
    -- What a stage means is known from the opportunities that are in it today, whatever it is called.
    SELECT
        CAST(o.stage_name AS VARCHAR) AS stage_name,
        MAX(CASE WHEN CAST(o.is_won AS BOOLEAN) = TRUE THEN 1 ELSE 0 END) AS won,
        MAX(CASE WHEN CAST(o.is_closed AS BOOLEAN) = TRUE THEN 1 ELSE 0 END) AS closed
    FROM opportunity AS o
    GROUP BY CAST(o.stage_name AS VARCHAR)
),
entries AS (
    SELECT
        CAST(h.opportunity_id AS VARCHAR) AS opportunity_id,
        CAST(h.created_date AS TIMESTAMPTZ) AS changed_at,
        CAST(h.stage_name AS VARCHAR) AS stage_name,
        CAST(h.amount AS DOUBLE PRECISION) AS amount,
        -- Two changes of one instant: the last one counts.
        ROW_NUMBER() OVER (
            PARTITION BY CAST(h.opportunity_id AS VARCHAR), CAST(h.created_date AS TIMESTAMPTZ)
            ORDER BY CAST(h.id AS VARCHAR) DESC
        ) AS place
    FROM opportunity_history AS h
    WHERE COALESCE(CAST(h.is_deleted AS BOOLEAN), FALSE) = FALSE
),
changes AS (
    SELECT e.opportunity_id, e.changed_at, e.stage_name, e.amount, FALSE AS assumed_open
    FROM entries AS e
    WHERE e.place = 1
    UNION ALL
    SELECT d.id, d.created_at, d.stage_name, d.amount, TRUE
    FROM deals AS d
    WHERE NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.opportunity_id = d.id)
        AND (NOT d.closed OR d.close_at > d.created_at)
    UNION ALL
    -- A close date before the opportunity was entered is that of its entry: nobody knew of it before.
    SELECT
        d.id, CASE WHEN d.close_at > d.created_at THEN d.close_at ELSE d.created_at END, d.stage_name, d.amount, FALSE
    FROM deals AS d
    WHERE d.closed AND d.close_at IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM entries AS e WHERE e.opportunity_id = d.id)
)
SELECT
    d.id AS opportunity_id,
    d.account_id AS account_id,
    c.changed_at AS changed_at,
    d.kind AS kind,
    CASE
        WHEN c.assumed_open THEN 'open'
        WHEN s.won = 1 OR LOWER(c.stage_name) = 'closed won' THEN 'won'
        WHEN s.closed = 1 OR LOWER(c.stage_name) = 'closed lost' THEN 'lost'
        WHEN LOWER(c.stage_name) LIKE '%negotiat%' THEN 'negotiation'
        WHEN LOWER(c.stage_name) LIKE '%proposal%' OR LOWER(c.stage_name) LIKE '%quote%' THEN 'proposal'
        ELSE 'open'
    END AS stage,
    c.amount AS value,
    d.currency AS currency,
    d.owner AS owner
FROM changes AS c
JOIN deals AS d ON d.id = c.opportunity_id
LEFT JOIN stages AS s ON s.stage_name = c.stage_name
WHERE d.kind IS NOT NULL
