-- Invoices: one row per invoice; a credit note is a row with an amount below zero.
--
-- Decision: a column whose name says cents is divided by 100, except for currencies without cents.
-- Decision: an invoice that is paid or void without a time became so at its last change.
SELECT
    i.invoice_id AS invoice_id,
    i.account_id AS account_id,
    i.issued_on AS issued_on,
    i.due_on AS due_on,
    COALESCE(
        CAST(i.amount AS VARCHAR),
        CAST(
            CAST(i.amount_cents AS DOUBLE PRECISION)
            / COALESCE((SELECT 1 WHERE UPPER(CAST(i.currency AS VARCHAR)) IN ('JPY', 'KRW', 'VND', 'CLP', 'ISK')), 100)
            AS VARCHAR
        )
    ) AS amount,
    UPPER(CAST(i.currency AS VARCHAR)) AS currency,
    i.credit_of AS credit_of,
    COALESCE(
        CAST(i.paid_at AS VARCHAR),
        CASE WHEN LOWER(CAST(i.status AS VARCHAR)) = 'paid' THEN CAST(i.updated_at AS VARCHAR) END
    ) AS paid_at,
    COALESCE(
        CAST(i.voided_at AS VARCHAR),
        CASE
            WHEN LOWER(CAST(i.status AS VARCHAR)) IN ('void', 'voided', 'canceled', 'cancelled')
                THEN CAST(i.updated_at AS VARCHAR)
        END
    ) AS voided_at,
    i.first_failed_at AS first_failed_at,
    i.failed_at AS failed_at,
    i.disputed_at AS disputed_at,
    i.resolved_at AS resolved_at,
    CASE WHEN i.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM invoices AS i
-- A draft was never sent; deleted rows and tests do not count.
WHERE
    COALESCE(CAST(i.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(i.is_test AS BOOLEAN), FALSE) = FALSE
    AND i.deleted_at IS NULL
    AND COALESCE(LOWER(CAST(i.status AS VARCHAR)), '') NOT IN ('draft', 'deleted')
