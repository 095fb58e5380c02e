-- Invoices: one per delivered order; goods that came back are a credit note on the invoice of their order.
--
-- Decision: a day of payment is known at its end.
SELECT
    invoices.invoice_id,
    COALESCE(customers.merged_into, invoices.customer_id) AS account_id,
    invoices.issued_on,
    invoices.due_on,
    invoices.amount,
    invoices.currency,
    NULL AS credit_of,
    TRY_CAST(invoices.paid_on AS TIMESTAMP) + INTERVAL '23 hours 59 minutes' AS paid_at
FROM invoices
LEFT JOIN customers ON customers.customer_id = invoices.customer_id
UNION ALL
SELECT
    returns.return_id,
    COALESCE(customers.merged_into, orders.customer_id),
    returns.returned_on,
    NULL,
    CAST(-TRY_CAST(returns.amount AS DOUBLE) AS VARCHAR),
    orders.currency,
    invoices.invoice_id,
    NULL
FROM returns
JOIN orders ON orders.order_id = returns.order_id
LEFT JOIN invoices ON invoices.order_id = returns.order_id
LEFT JOIN customers ON customers.customer_id = orders.customer_id
