-- Contracts: one row per subscription; up to 18 of one account run at once.
--
-- `end_date` records an actual end and is no term: there is no renewal date, no signing date and no notice.
-- Left behind: churn_flag (true where end_date is given), upgrade_flag and downgrade_flag (nobody knows since when).
SELECT
    subscription_id AS contract_id,
    account_id,
    start_date AS start_on,
    end_date AS ended_on,
    arr_amount AS arr,
    'USD' AS currency, -- as the name of refund_amount_usd says; no other currency is named
    seats,
    plan_tier AS plan,
    is_trial AS trial,
    auto_renew_flag AS auto_renew
FROM ravenstack_subscriptions
