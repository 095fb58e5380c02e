-- Opportunities: one row per renewal or expansion deal, or per deal and change.
--
-- Decision: upsells, cross-sells and add-ons are expansions. New business is no deal of a customer and is left out.
SELECT
    o.opportunity_id AS opportunity_id,
    o.account_id AS account_id,
    o.changed_at AS changed_at,
    CASE
        WHEN LOWER(REPLACE(CAST(o.kind AS VARCHAR), '-', '')) IN (
            'upsell', 'crosssell', 'cross sell', 'addon', 'add on', 'upgrade', 'existing business'
        ) THEN 'expansion'
        ELSE LOWER(CAST(o.kind AS VARCHAR))
    END AS kind,
    CASE LOWER(REPLACE(REPLACE(CAST(o.stage AS VARCHAR), ' ', ''), '_', ''))
        WHEN 'closedwon' THEN 'won'
        WHEN 'closedlost' THEN 'lost'
        WHEN 'qualification' THEN 'open'
        WHEN 'discovery' THEN 'open'
        WHEN 'quote' THEN 'proposal'
        WHEN 'contract' THEN 'negotiation'
        ELSE LOWER(CAST(o.stage AS VARCHAR))
    END AS stage,
    o.value AS value,
    UPPER(CAST(o.currency AS VARCHAR)) AS currency,
    o.owner AS owner,
    CASE WHEN o.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM opportunities AS o
WHERE
    COALESCE(CAST(o.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(o.is_test AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(LOWER(CAST(o.kind AS VARCHAR)), '') NOT IN ('new', 'new business', 'newbusiness', 'new logo')
