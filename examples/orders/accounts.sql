-- Accounts: every customer of the order system as it is today.
--
-- Decision: a customer that was registered twice is one account, the one that the other was merged into. Its orders,
-- visits and invoices are the survivor's from the first day on, also in the past (README.md).
-- Decision: the file knows today's state alone, so nothing is dated; trade and country are declared fixed in pipeline.toml.
SELECT
    customers.customer_id AS account_id,
    customers.name,
    customers.trade AS industry,
    customers.country,
    customers.sales_rep AS csm
FROM customers
WHERE customers.merged_into IS NULL
