-- Invoices and credit notes. Drafts, deleted invoices and test data are left out: nobody owes them.
--
-- Decision: the amount is what was asked for: after discounts, with tax, less what the customer's balance paid.
-- Decision: `uncollectible` stays owed: nobody paid it. To count it as settled, give
-- `status_transitions_marked_uncollectible_at` as resolved_at.
-- Decision: an invoice is paid at its time of payment, else at that of the charge that paid it. What is void or paid at
-- no time that the source has is left out, and so are its credit notes: it is not owed, and nobody knows since when.
WITH failures AS (
    SELECT CAST(c.invoice_id AS VARCHAR) AS invoice_id, CAST(c.created AS TIMESTAMPTZ) AS failed_at
    FROM charge AS c
    WHERE CAST(c.status AS VARCHAR) = 'failed' AND c.invoice_id IS NOT NULL
    UNION ALL
    -- Newer versions of the API name only the payment intent.
    SELECT CAST(i.id AS VARCHAR) AS invoice_id, CAST(c.created AS TIMESTAMPTZ) AS failed_at
    FROM charge AS c
    JOIN invoice AS i ON CAST(i.payment_intent_id AS VARCHAR) = CAST(c.payment_intent_id AS VARCHAR)
    WHERE CAST(c.status AS VARCHAR) = 'failed' AND c.invoice_id IS NULL
),
attempts AS (
    SELECT f.invoice_id, MIN(f.failed_at) AS first_failed_at, MAX(f.failed_at) AS failed_at
    FROM failures AS f
    GROUP BY f.invoice_id
),
settled AS (
    SELECT
        COALESCE(CAST(c.invoice_id AS VARCHAR), CAST(i.id AS VARCHAR)) AS invoice_id,
        MAX(CAST(c.created AS TIMESTAMPTZ)) AS charged_at
    FROM charge AS c
    LEFT JOIN invoice AS i ON CAST(i.payment_intent_id AS VARCHAR) = CAST(c.payment_intent_id AS VARCHAR)
    WHERE CAST(c.status AS VARCHAR) = 'succeeded'
    GROUP BY COALESCE(CAST(c.invoice_id AS VARCHAR), CAST(i.id AS VARCHAR))
),
disputed AS (
    SELECT
        COALESCE(CAST(c.invoice_id AS VARCHAR), CAST(i.id AS VARCHAR)) AS invoice_id,
        MIN(CAST(d.created AS TIMESTAMPTZ)) AS disputed_at
    FROM dispute AS d
    JOIN charge AS c ON CAST(c.id AS VARCHAR) = CAST(d.charge_id AS VARCHAR)
    LEFT JOIN invoice AS i ON CAST(i.payment_intent_id AS VARCHAR) = CAST(c.payment_intent_id AS VARCHAR)
    -- `warning_...` is a bank's question, no dispute.
    WHERE COALESCE(CAST(d.status AS VARCHAR), '') NOT LIKE 'warning%'
    GROUP BY COALESCE(CAST(c.invoice_id AS VARCHAR), CAST(i.id AS VARCHAR))
),
issued AS (
    SELECT
        CAST(i.id AS VARCHAR) AS id,
        CAST(i.customer_id AS VARCHAR) AS customer_id,
        COALESCE(CAST(i.status_transitions_finalized_at AS TIMESTAMPTZ), CAST(i.created AS TIMESTAMPTZ)) AS issued_at,
        CAST(i.due_date AS TIMESTAMPTZ) AS due_at,
        -- The balance is below zero where the customer has credit; using it up takes it towards zero.
        CAST(i.total AS DOUBLE PRECISION) - COALESCE(
            CAST(i.ending_balance AS DOUBLE PRECISION) - CAST(i.starting_balance AS DOUBLE PRECISION), 0
        ) AS minor_units,
        UPPER(CAST(i.currency AS VARCHAR)) AS currency,
        COALESCE(CAST(i.status_transitions_paid_at AS TIMESTAMPTZ), s.charged_at) AS paid_at,
        CAST(i.status_transitions_voided_at AS TIMESTAMPTZ) AS voided_at,
        CASE COALESCE(CAST(i.status AS VARCHAR), '')
            WHEN 'paid' THEN COALESCE(CAST(i.status_transitions_paid_at AS TIMESTAMPTZ), s.charged_at) IS NOT NULL
            WHEN 'void' THEN i.status_transitions_voided_at IS NOT NULL
            ELSE TRUE
        END AS dated
    FROM invoice AS i
    LEFT JOIN settled AS s ON s.invoice_id = CAST(i.id AS VARCHAR) AND CAST(i.status AS VARCHAR) = 'paid'
    WHERE COALESCE(CAST(i.status AS VARCHAR), '') NOT IN ('draft', 'deleted')
        AND COALESCE(CAST(i.is_deleted AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(i.livemode AS BOOLEAN), TRUE) = TRUE
),
documents AS (
    SELECT
        i.id AS id,
        i.customer_id AS customer_id,
        i.issued_at AS issued_at,
        i.due_at AS due_at,
        i.minor_units AS minor_units,
        i.currency AS currency,
        CAST(NULL AS VARCHAR) AS credit_of,
        i.paid_at AS paid_at,
        i.voided_at AS voided_at,
        a.first_failed_at AS first_failed_at,
        a.failed_at AS failed_at,
        d.disputed_at AS disputed_at
    FROM issued AS i
    LEFT JOIN attempts AS a ON a.invoice_id = i.id
    LEFT JOIN disputed AS d ON d.invoice_id = i.id
    WHERE i.dated
    UNION ALL
    SELECT
        CAST(n.id AS VARCHAR) AS id,
        i.customer_id AS customer_id,
        CAST(n.created AS TIMESTAMPTZ) AS issued_at,
        CAST(NULL AS TIMESTAMPTZ) AS due_at,
        -CAST(n.total AS DOUBLE PRECISION) AS minor_units,
        UPPER(CAST(n.currency AS VARCHAR)) AS currency,
        CAST(n.invoice_id AS VARCHAR) AS credit_of,
        -- Of a paid invoice a credit is refunded, or goes to the balance, from which it pays a later invoice.
        CASE WHEN CAST(n.type AS VARCHAR) = 'post_payment' THEN CAST(n.created AS TIMESTAMPTZ) END AS paid_at,
        CAST(n.voided_at AS TIMESTAMPTZ) AS voided_at,
        CAST(NULL AS TIMESTAMPTZ) AS first_failed_at,
        CAST(NULL AS TIMESTAMPTZ) AS failed_at,
        CAST(NULL AS TIMESTAMPTZ) AS disputed_at
    FROM credit_note AS n
    JOIN issued AS i ON i.id = CAST(n.invoice_id AS VARCHAR)
    WHERE COALESCE(CAST(n.livemode AS BOOLEAN), TRUE) = TRUE
        AND i.dated
        AND (COALESCE(CAST(n.status AS VARCHAR), '') <> 'void' OR CAST(n.voided_at AS TIMESTAMPTZ) IS NOT NULL)
)
SELECT
    d.id AS invoice_id,
    d.customer_id AS account_id,
    -- Decision: days are those of UTC. For another zone, write AT TIME ZONE before the cast to DATE.
    CAST(d.issued_at AS DATE) AS issued_on,
    CAST(d.due_at AS DATE) AS due_on,
    d.minor_units / CASE
        WHEN d.currency IN (
            'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'
        ) THEN 1
        WHEN d.currency IN ('BHD', 'JOD', 'KWD', 'OMR', 'TND') THEN 1000
        ELSE 100
    END AS amount,
    d.currency AS currency,
    d.credit_of AS credit_of,
    d.paid_at AS paid_at,
    d.voided_at AS voided_at,
    -- Each failed charge is an attempt: the first stays first, whatever is tried again.
    d.first_failed_at AS first_failed_at,
    d.failed_at AS failed_at,
    -- Stripe does not say when a dispute was settled.
    d.disputed_at AS disputed_at,
    CASE WHEN d.customer_id IS NULL THEN 'no_customer' END AS quarantine_reason
FROM documents AS d
