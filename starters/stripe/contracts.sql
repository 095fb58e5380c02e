-- Contracts: one row per subscription.
--
-- Decision: no end is agreed. `current_period_end` moves on with every period: whoever stays never reaches it. To give
-- yearly plans a renewal date, add `end_on` (the start plus one term, never the current period's) and `auto_renew`.
-- Decision: `past_due` and `unpaid` still run, until Stripe or you cancel them. `incomplete` and `incomplete_expired`
-- never began and are left out, as is test data.
-- Decision: what is canceled has ended: where its end is missing, on the day that was set for it, of its last period or
-- of its cancellation, whichever is known. Without any of them it is set aside: it does not run.
-- Decision: ARR is that of today's items, also in the past: Stripe keeps no earlier items in these tables.
WITH priced AS (
    SELECT
        CAST(i.subscription_id AS VARCHAR) AS subscription_id,
        CAST(i.id AS VARCHAR) AS item_id,
        CAST(COALESCE(d.name, p.nickname, p.product_id, p.id) AS VARCHAR) AS plan,
        UPPER(CAST(p.currency AS VARCHAR)) AS currency,
        CAST(i.quantity AS DOUBLE PRECISION) AS quantity,
        COALESCE(CAST(p.recurring_usage_type AS VARCHAR), 'licensed') = 'metered' AS metered,
        -- A price per package of 10 is paid once for 1 to 10.
        CASE
            WHEN CAST(p.transform_quantity_divide_by AS DOUBLE PRECISION) IS NULL
                THEN COALESCE(CAST(i.quantity AS DOUBLE PRECISION), 1)
            WHEN CAST(p.transform_quantity_round AS VARCHAR) = 'down'
                THEN FLOOR(
                    CAST(i.quantity AS DOUBLE PRECISION) / CAST(p.transform_quantity_divide_by AS DOUBLE PRECISION)
                )
            ELSE CEIL(CAST(i.quantity AS DOUBLE PRECISION) / CAST(p.transform_quantity_divide_by AS DOUBLE PRECISION))
        END
        -- Amounts are in the currency's smallest unit; `unit_amount_decimal` has fractions of it.
        * COALESCE(CAST(p.unit_amount_decimal AS DOUBLE PRECISION), CAST(p.unit_amount AS DOUBLE PRECISION))
        / CASE
            WHEN UPPER(CAST(p.currency AS VARCHAR)) IN (
                'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
            ) THEN 1
            WHEN UPPER(CAST(p.currency AS VARCHAR)) IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 1000
            ELSE 100
        END
        * CASE CAST(p.recurring_interval AS VARCHAR)
            WHEN 'day' THEN 365 WHEN 'week' THEN 52 WHEN 'month' THEN 12 WHEN 'year' THEN 1
        END
        / COALESCE(CAST(p.recurring_interval_count AS DOUBLE PRECISION), 1) AS per_year
    FROM subscription_item AS i
    LEFT JOIN price AS p ON CAST(p.id AS VARCHAR) = CAST(i.plan_id AS VARCHAR)
    LEFT JOIN product AS d ON CAST(d.id AS VARCHAR) = CAST(p.product_id AS VARCHAR)
    WHERE COALESCE(CAST(i._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
),
ranked AS (
    SELECT
        r.subscription_id,
        r.plan,
        ROW_NUMBER() OVER (PARTITION BY r.subscription_id ORDER BY COALESCE(r.per_year, 0) DESC, r.item_id) AS place
    FROM priced AS r
),
items AS (
    SELECT
        r.subscription_id,
        MAX(r.currency) AS currency,
        SUM(CASE WHEN r.metered THEN 0 ELSE r.per_year END) AS arr,
        SUM(CASE WHEN r.metered OR r.per_year IS NOT NULL THEN 0 ELSE 1 END) AS unpriced,
        MAX(CASE WHEN r.metered THEN NULL ELSE r.quantity END) AS quantity
    FROM priced AS r
    GROUP BY r.subscription_id
),
subscriptions AS (
    SELECT
        CAST(s.id AS VARCHAR) AS id,
        CAST(s.customer_id AS VARCHAR) AS customer_id,
        CAST(s.status AS VARCHAR) AS status,
        CAST(s.created AS TIMESTAMPTZ) AS created_at,
        COALESCE(CAST(s.start_date AS TIMESTAMPTZ), CAST(s.created AS TIMESTAMPTZ)) AS started_at,
        CAST(s.cancel_at AS TIMESTAMPTZ) AS cancel_at,
        COALESCE(CAST(s.cancel_at_period_end AS BOOLEAN), FALSE) AS cancel_at_period_end,
        CAST(s.canceled_at AS TIMESTAMPTZ) AS canceled_at,
        COALESCE(
            CAST(s.ended_at AS TIMESTAMPTZ),
            CASE
                WHEN CAST(s.status AS VARCHAR) <> 'canceled' THEN NULL
                WHEN COALESCE(CAST(s.cancel_at_period_end AS BOOLEAN), FALSE)
                    THEN COALESCE(
                        CAST(s.cancel_at AS TIMESTAMPTZ), CAST(s.current_period_end AS TIMESTAMPTZ),
                        CAST(s.canceled_at AS TIMESTAMPTZ)
                    )
                ELSE COALESCE(CAST(s.canceled_at AS TIMESTAMPTZ), CAST(s.current_period_end AS TIMESTAMPTZ))
            END
        ) AS ended_at,
        COALESCE(CAST(s.cancellation_details_reason AS VARCHAR), '') AS reason,
        -- A trial given to a customer who pays already is none.
        CASE
            WHEN CAST(s.trial_start AS TIMESTAMPTZ)
                > COALESCE(CAST(s.start_date AS TIMESTAMPTZ), CAST(s.created AS TIMESTAMPTZ)) THEN NULL
            ELSE CAST(s.trial_end AS TIMESTAMPTZ)
        END AS trial_end
    FROM subscription AS s
    WHERE COALESCE(CAST(s.livemode AS BOOLEAN), TRUE) = TRUE
        AND COALESCE(CAST(s._fivetran_active AS BOOLEAN), TRUE) = TRUE
        AND CAST(s.status AS VARCHAR) NOT IN ('incomplete', 'incomplete_expired')
),
terms AS (
    SELECT
        t.id AS id,
        t.customer_id AS customer_id,
        t.created_at AS created_at,
        t.started_at AS started_at,
        t.status AS status,
        t.cancel_at AS cancel_at,
        t.cancel_at_period_end AS cancel_at_period_end,
        t.canceled_at AS canceled_at,
        t.ended_at AS ended_at,
        t.reason AS reason,
        t.trial_end AS trial_end,
        t.status = 'paused'
            OR COALESCE(t.status = 'trialing' AND t.trial_end IS NOT NULL, FALSE)
            OR COALESCE(t.ended_at <= t.trial_end, FALSE) AS trial,
        -- An end that was set when the subscription was made is its term.
        t.cancel_at IS NOT NULL AND NOT t.cancel_at_period_end
            AND COALESCE(t.canceled_at, t.created_at) <= t.created_at + INTERVAL '1' DAY AS fixed_term
    FROM subscriptions AS t
)
SELECT
    t.id AS contract_id,
    t.customer_id AS account_id,
    -- Decision: after a trial the contract begins where the trial ended: nothing was paid before.
    CAST(CASE WHEN t.trial THEN t.started_at ELSE COALESCE(t.trial_end, t.started_at) END AS DATE) AS start_on,
    CAST(CASE WHEN t.fixed_term THEN t.cancel_at END AS DATE) AS end_on,
    CAST(t.ended_at AS DATE) AS ended_on,
    -- A start that lies before the day of the entry (backdated, migrated) was not known then. That a trial would be
    -- paid for in the end was not known before it was: such a row is known from its start.
    CAST(CASE WHEN t.trial OR t.trial_end IS NULL THEN t.created_at END AS DATE) AS signed_on,
    -- Decision: `canceled_at` is the day of the request; the subscription runs on until `ended_at`. A request that was
    -- taken back, an agreed term and a cancellation for failed payments are no notice.
    CAST(
        CASE
            WHEN t.fixed_term OR t.reason = 'payment_failed' THEN NULL
            WHEN t.cancel_at_period_end OR t.cancel_at IS NOT NULL OR t.ended_at IS NOT NULL THEN t.canceled_at
        END AS DATE
    ) AS notice_on,
    -- Decision: list price times quantity, before discounts and tax, per year: 12 months, 52 weeks, 365 days. Metered
    -- items count 0, since nothing is committed.
    i.arr AS arr,
    i.currency AS currency,
    -- Decision: seats are the largest quantity of an item; 1 says nothing of seats.
    CASE WHEN i.quantity > 1 THEN i.quantity END AS seats,
    -- Decision: the plan is the product of the item that is worth most.
    r.plan AS plan,
    -- Decision: `paused` (a trial that ended without a means of payment) is a trial still: nobody pays.
    t.trial AS trial,
    CASE
        WHEN t.customer_id IS NULL THEN 'no_customer'
        WHEN t.status = 'canceled' AND t.ended_at IS NULL THEN 'canceled_without_an_end'
        WHEN i.subscription_id IS NULL THEN 'no_items'
        WHEN i.unpriced > 0 THEN 'tiered_or_missing_price'
    END AS quarantine_reason
FROM terms AS t
LEFT JOIN items AS i ON i.subscription_id = t.id
LEFT JOIN ranked AS r ON r.subscription_id = t.id AND r.place = 1
