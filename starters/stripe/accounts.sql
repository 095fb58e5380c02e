-- Accounts: one row per customer.
--
-- Decision: rows are undated (no valid_from), since Stripe keeps today's values alone.
-- Decision: a deleted customer stays: its subscriptions and invoices were real. Test data is left out.
SELECT
    c.id AS account_id,
    -- Decision: without a name, what else the customer is called by.
    COALESCE(c.name, c.description, c.email) AS name,
    UPPER(c.address_country) AS country
FROM customer AS c
WHERE COALESCE(CAST(c.livemode AS BOOLEAN), TRUE) = TRUE
