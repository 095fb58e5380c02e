-- Contracts: one row per won opportunity.
--
-- Decision: an opportunity and not a Contract, since a Contract has no amount. Where the opportunity names one
-- (`contract_id`), the term is that of the Contract; else it runs 12 months from the close date.
-- Decision: nobody gives notice: Salesforce has no field for it. Add notice_on from a field of yours.
-- TODO: check that `amount` is that of the whole term and holds recurring revenue alone. Where it is that of a year,
-- take out the division by the term; a field that holds ARR goes in the place of `arr_c`.
WITH won AS (
    SELECT
        CAST(o.id AS VARCHAR) AS id,
        CAST(o.account_id AS VARCHAR) AS account_id,
        CAST(CAST(o.close_date AS TIMESTAMPTZ) AS DATE) AS closed_on,
        CAST(CAST(c.start_date AS TIMESTAMPTZ) AS DATE) AS start_on,
        CAST(CAST(c.end_date AS TIMESTAMPTZ) AS DATE) AS last_day,
        CAST(CAST(c.sbqq_terminated_date_c AS TIMESTAMPTZ) AS DATE) AS terminated_on,
        COALESCE(
            CAST(CAST(c.customer_signed_date AS TIMESTAMPTZ) AS DATE),
            CAST(CAST(c.company_signed_date AS TIMESTAMPTZ) AS DATE)
        ) AS signed_on,
        COALESCE(CAST(CAST(c.contract_term AS DOUBLE PRECISION) AS INTEGER), 12) AS months,
        CAST(o.amount AS DOUBLE PRECISION) AS amount,
        CAST(o.arr_c AS DOUBLE PRECISION) AS arr,
        -- TODO: write the currency of your Salesforce in place of USD, unless its records have their own.
        COALESCE(CAST(o.currency_iso_code AS VARCHAR), 'USD') AS currency
    FROM opportunity AS o
    LEFT JOIN contract AS c ON CAST(c.id AS VARCHAR) = CAST(o.contract_id AS VARCHAR)
        AND COALESCE(CAST(c.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(c._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(c._fivetran_active AS BOOLEAN), TRUE) = TRUE
    WHERE COALESCE(CAST(o.is_won AS BOOLEAN), LOWER(CAST(o.stage_name AS VARCHAR)) = 'closed won') = TRUE
        AND COALESCE(CAST(o.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(o._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(o._fivetran_active AS BOOLEAN), TRUE) = TRUE
),
terms AS (
    SELECT
        w.id AS id,
        w.account_id AS account_id,
        -- What is added to a running contract begins when it is won.
        CASE WHEN w.start_on > w.closed_on THEN w.start_on ELSE w.closed_on END AS start_on,
        -- A Contract's end date is the last day covered; end_on is the first day no longer covered.
        COALESCE(
            CAST(w.last_day + INTERVAL '1' DAY AS DATE),
            CAST(COALESCE(w.start_on, w.closed_on) + w.months * INTERVAL '1' MONTH AS DATE)
        ) AS end_on,
        w.terminated_on AS terminated_on,
        COALESCE(w.signed_on, w.closed_on) AS signed_on,
        w.closed_on AS closed_on,
        COALESCE(w.arr, w.amount * 12 / NULLIF(w.months, 0)) AS arr,
        w.currency AS currency
    FROM won AS w
)
SELECT
    t.id AS contract_id,
    t.account_id AS account_id,
    t.start_on AS start_on,
    t.end_on AS end_on,
    t.terminated_on AS ended_on,
    -- Nobody knew of a deal before it was won.
    CASE WHEN t.signed_on > t.closed_on THEN t.signed_on ELSE t.closed_on END AS signed_on,
    t.arr AS arr,
    UPPER(t.currency) AS currency,
    CASE
        WHEN t.account_id IS NULL THEN 'no_account'
        WHEN t.arr IS NULL THEN 'no_amount'
        WHEN t.arr < 0 THEN 'amount_below_zero'
        WHEN t.end_on <= t.start_on THEN 'ended_before_it_was_won'
    END AS quarantine_reason
FROM terms AS t
