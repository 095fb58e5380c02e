-- Accounts: whoever was on a list, from the first list on. Nothing else is known of them.
SELECT
    account_id,
    MIN(listed_on) AS valid_from
FROM accounts_by_month
GROUP BY account_id
