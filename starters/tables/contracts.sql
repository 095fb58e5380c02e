-- Contracts: one row per contract or subscription.
--
-- Decision: ARR is the yearly amount where there is one, else twelve times the monthly one. A column whose name says
-- cents is divided by 100, except for currencies without cents. An amount per billing cycle is taken as often as a year has
-- cycles, which have to be named monthly, quarterly, half-yearly or yearly. An amount per term is no ARR: divide it by its
-- years.
-- Decision: an end date is the agreed end, the day of the renewal. Where yours is the day on which the contract ended, or
-- moves on with every renewal, give it as ended_on, or leave it out and give auto_renew.
-- Decision: a cancellation is the notice; the contract runs until its end.
SELECT
    c.contract_id AS contract_id,
    c.account_id AS account_id,
    c.start_on AS start_on,
    c.end_on AS end_on,
    c.ended_on AS ended_on,
    c.signed_on AS signed_on,
    c.notice_on AS notice_on,
    COALESCE(
        CAST(c.arr AS VARCHAR),
        CAST(CAST(c.mrr AS DOUBLE PRECISION) * 12 AS VARCHAR),
        CAST(
            CAST(c.arr_cents AS DOUBLE PRECISION)
            / COALESCE((SELECT 1 WHERE UPPER(CAST(c.currency AS VARCHAR)) IN ('JPY', 'KRW', 'VND', 'CLP', 'ISK')), 100)
            AS VARCHAR
        ),
        CAST(
            CAST(c.mrr_cents AS DOUBLE PRECISION) * 12
            / COALESCE((SELECT 1 WHERE UPPER(CAST(c.currency AS VARCHAR)) IN ('JPY', 'KRW', 'VND', 'CLP', 'ISK')), 100)
            AS VARCHAR
        ),
        CAST(
            CAST(c.amount_per_period AS DOUBLE PRECISION) * CASE
                WHEN LOWER(CAST(c.billing_cycle AS VARCHAR)) IN ('monthly', 'month', 'm') THEN 12
                WHEN LOWER(CAST(c.billing_cycle AS VARCHAR)) IN ('quarterly', 'quarter', 'q') THEN 4
                WHEN LOWER(CAST(c.billing_cycle AS VARCHAR))
                    IN ('half-yearly', 'half yearly', 'semi-annual', 'semiannual', 'biannual') THEN 2
                WHEN LOWER(CAST(c.billing_cycle AS VARCHAR)) IN ('yearly', 'annual', 'annually', 'year', 'y') THEN 1
            END
            AS VARCHAR
        ),
        -- Decision: a trial without an amount is free.
        CASE
            WHEN LOWER(CAST(c.status AS VARCHAR)) IN ('trial', 'trialing', 'in_trial') THEN '0'
            WHEN LOWER(CAST(c.type AS VARCHAR))
                IN ('trial', 'free trial', 'pilot', 'poc', 'proof of concept', 'demo', 'free', 'evaluation') THEN '0'
            WHEN LOWER(CAST(c.plan AS VARCHAR))
                IN ('trial', 'free trial', 'pilot', 'poc', 'proof of concept', 'demo', 'free', 'evaluation') THEN '0'
        END
    ) AS arr,
    UPPER(CAST(c.currency AS VARCHAR)) AS currency,
    c.seats AS seats,
    c.plan AS plan,
    COALESCE(
        CAST(c.trial AS VARCHAR),
        CASE WHEN LOWER(CAST(c.status AS VARCHAR)) IN ('trial', 'trialing', 'in_trial') THEN 'true' END,
        -- Decision: what is called like this is no paid contract yet.
        CASE
            WHEN LOWER(CAST(c.type AS VARCHAR))
                IN ('trial', 'free trial', 'pilot', 'poc', 'proof of concept', 'demo', 'free', 'evaluation') THEN 'true'
            WHEN LOWER(CAST(c.plan AS VARCHAR))
                IN ('trial', 'free trial', 'pilot', 'poc', 'proof of concept', 'demo', 'free', 'evaluation') THEN 'true'
        END
    ) AS trial,
    -- TODO: does your list have a row for each renewal? Then remove this column; else remove this line.
    c.auto_renew AS auto_renew,
    c.replaces AS replaces,
    c.chain_id AS chain_id
FROM contracts AS c
-- Drafts and offers are no contracts yet; deleted rows and tests do not count.
WHERE
    COALESCE(CAST(c.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(c.is_test AS BOOLEAN), FALSE) = FALSE
    AND c.deleted_at IS NULL
    AND COALESCE(LOWER(CAST(c.status AS VARCHAR)), '')
    NOT IN ('draft', 'quote', 'offer', 'incomplete', 'incomplete_expired', 'void', 'voided', 'deleted')
    AND COALESCE(LOWER(CAST(c.type AS VARCHAR)), '')
    NOT IN ('draft', 'quote', 'offer', 'one-off', 'one off', 'one-time', 'onetime', 'setup')
