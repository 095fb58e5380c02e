-- Usage: visits to the web shop by buyer, and what was ordered by product group.
--
-- Decision: "actions" are pages seen and lines ordered. A line names no buyer: an order may come by telephone.
SELECT
    COALESCE(customers.merged_into, visits.customer_id) AS account_id,
    visits.visited_on AS day,
    visits.buyer AS user_id,
    'web shop' AS feature,
    SUM(TRY_CAST(visits.pages AS INTEGER)) AS events
FROM visits
LEFT JOIN customers ON customers.customer_id = visits.customer_id
GROUP BY ALL
UNION ALL
SELECT
    COALESCE(customers.merged_into, orders.customer_id) AS account_id,
    orders.ordered_on AS day,
    NULL AS user_id,
    order_lines.product_group AS feature,
    COUNT(*) AS events
FROM order_lines
JOIN orders ON orders.order_id = order_lines.order_id
LEFT JOIN customers ON customers.customer_id = orders.customer_id
WHERE orders.status <> 'cancelled'
GROUP BY ALL
