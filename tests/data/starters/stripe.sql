-- A Stripe account as loaders of the API land it, read as of 2026-06-01. Each row has its trap beside it.
CREATE TYPE subscription_status AS ENUM (
    'incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused'
);

CREATE TABLE customer (
    id text, name text, description text, email text, address_country text, created timestamptz, livemode boolean,
    is_deleted boolean, metadata_hubspot_company_id text, metadata_salesforce_account_id text
);
INSERT INTO customer VALUES
    ('cus_acme', 'Acme', NULL, 'billing@acme.example', 'us', '2024-01-10 09:00:00+00', TRUE, FALSE, '9001', '001A'),
    ('cus_bolt', NULL, 'Bolt GmbH', 'pay@bolt.example', 'DE', '2024-02-01 09:00:00+00', TRUE, FALSE, '9002', NULL),
    ('cus_cora', NULL, NULL, 'ops@cora.example', 'JP', '2024-03-01 09:00:00+00', TRUE, FALSE, NULL, NULL),
    ('cus_dune', 'Dune', NULL, NULL, 'GB', '2024-04-01 09:00:00+00', TRUE, FALSE, NULL, NULL),
    ('cus_echo', 'Echo', NULL, NULL, NULL, '2026-05-20 09:00:00+00', TRUE, FALSE, NULL, NULL),
    ('cus_fern', 'Fern', NULL, NULL, 'FR', '2024-05-01 09:00:00+00', TRUE, FALSE, NULL, NULL),
    ('cus_gone', 'Gone', NULL, NULL, 'US', '2024-06-01 09:00:00+00', TRUE, TRUE, NULL, NULL), -- deleted: its past is real
    ('cus_test', 'Test', NULL, NULL, 'US', '2024-06-01 09:00:00+00', FALSE, FALSE, NULL, NULL); -- test mode

CREATE TABLE product (id text, name text);
INSERT INTO product VALUES ('prod_team', 'Team'), ('prod_add', 'Audit log'), ('prod_flow', 'Flow');

CREATE TABLE price (
    id text, product_id text, nickname text, currency text, unit_amount bigint, unit_amount_decimal text,
    recurring_interval text, recurring_interval_count integer, recurring_usage_type text,
    transform_quantity_divide_by integer, transform_quantity_round text
);
INSERT INTO price VALUES
    ('price_seat', 'prod_team', NULL, 'usd', 2000, '2000', 'month', 1, 'licensed', NULL, NULL),
    ('price_audit', 'prod_add', NULL, 'usd', 30000, '30000', 'year', 1, 'licensed', NULL, NULL),
    ('price_meter', 'prod_flow', NULL, 'usd', 5, '5', 'month', 1, 'metered', NULL, NULL), -- nothing is committed
    ('price_quarter', 'prod_team', NULL, 'eur', 90000, '90000', 'month', 3, 'licensed', NULL, NULL), -- a quarter
    ('price_jpy', 'prod_team', NULL, 'jpy', 12000, '12000', 'month', 1, 'licensed', NULL, NULL), -- no decimals
    ('price_week', 'prod_flow', NULL, 'usd', 1050, '1050.5', 'week', 2, 'licensed', NULL, NULL), -- half a cent, two weeks
    ('price_kwd', 'prod_flow', NULL, 'kwd', 25500, '25500', 'year', 1, 'licensed', NULL, NULL), -- three decimals
    ('price_pack', NULL, 'Packs', 'usd', 1000, '1000', 'month', 1, 'licensed', 10, 'up'), -- 25 are 3 packs of 10
    ('price_tier', 'prod_team', NULL, 'usd', NULL, NULL, 'month', 1, 'licensed', NULL, NULL); -- tiered: no amount

CREATE TABLE subscription (
    id text, customer_id text, status subscription_status, livemode boolean, _fivetran_active boolean,
    created timestamptz, start_date timestamptz, trial_start timestamptz, trial_end timestamptz,
    current_period_end timestamptz, cancel_at timestamptz, cancel_at_period_end boolean, canceled_at timestamptz,
    ended_at timestamptz, cancellation_details_reason text
);
INSERT INTO subscription VALUES
    -- Three items; the current period ends within the month, and would have to have ended long ago for an agreed end.
    ('sub_items', 'cus_acme', 'active', TRUE, TRUE, '2024-01-10 09:00:00+00', '2024-01-10 09:00:00+00', NULL, NULL,
     '2026-06-10 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    -- An earlier version of the same row, as a loader with history keeps it.
    ('sub_items', 'cus_acme', 'past_due', TRUE, FALSE, '2024-01-10 09:00:00+00', '2024-01-10 09:00:00+00', NULL, NULL,
     '2026-05-10 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    -- Notice on May 12, runs until June 30; by quarter.
    ('sub_notice', 'cus_bolt', 'active', TRUE, TRUE, '2024-02-01 09:00:00+00', '2024-02-01 09:00:00+00', NULL, NULL,
     '2026-06-30 09:00:00+00', '2026-06-30 09:00:00+00', TRUE, '2026-05-12 16:00:00+00', NULL, 'cancellation_requested'),
    -- Behind with its payment, and in yen.
    ('sub_late', 'cus_cora', 'past_due', TRUE, TRUE, '2024-03-01 09:00:00+00', '2024-03-01 09:00:00+00', NULL, NULL,
     '2026-06-01 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    -- Notice in February, ended in March: the request and the end are two days.
    ('sub_ended', 'cus_dune', 'canceled', TRUE, TRUE, '2025-03-20 09:00:00+00', '2025-03-20 09:00:00+00', NULL, NULL,
     '2026-03-20 09:00:00+00', NULL, TRUE, '2026-02-02 09:00:00+00', '2026-03-20 09:00:00+00', 'cancellation_requested'),
    -- Came back at once: 10 in 2 weeks, half a cent more.
    ('sub_week', 'cus_dune', 'unpaid', TRUE, TRUE, '2026-03-20 10:00:00+00', '2026-03-20 10:00:00+00', NULL, NULL,
     '2026-06-12 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    -- On trial.
    ('sub_trial', 'cus_echo', 'trialing', TRUE, TRUE, '2026-05-20 09:00:00+00', '2026-05-20 09:00:00+00',
     '2026-05-20 09:00:00+00', '2026-06-19 09:00:00+00', '2026-06-19 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    -- Never paid for the first time.
    ('sub_begun', 'cus_echo', 'incomplete', TRUE, TRUE, '2026-05-31 09:00:00+00', '2026-05-31 09:00:00+00', NULL, NULL,
     '2026-06-30 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    ('sub_never', 'cus_echo', 'incomplete_expired', TRUE, TRUE, '2026-05-19 09:00:00+00', '2026-05-19 09:00:00+00', NULL,
     NULL, '2026-06-19 09:00:00+00', NULL, FALSE, NULL, '2026-05-20 09:00:00+00', NULL),
    -- A trial of 14 days, then paid; three decimals.
    ('sub_paid', 'cus_fern', 'active', TRUE, TRUE, '2024-05-01 09:00:00+00', '2024-05-01 09:00:00+00',
     '2024-05-01 09:00:00+00', '2024-05-15 09:00:00+00', '2027-05-15 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    -- A trial that ended without a means of payment.
    ('sub_paused', 'cus_fern', 'paused', TRUE, TRUE, '2026-01-05 09:00:00+00', '2026-01-05 09:00:00+00',
     '2026-01-05 09:00:00+00', '2026-01-19 09:00:00+00', '2026-02-19 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    -- Migrated: begun in 2022, entered in 2024. Canceled by Stripe after failed payments, which is no notice.
    ('sub_failed', 'cus_gone', 'canceled', TRUE, TRUE, '2024-06-01 09:00:00+00', '2022-06-01 09:00:00+00', NULL, NULL,
     '2025-08-01 09:00:00+00', NULL, FALSE, '2025-07-20 09:00:00+00', '2025-07-20 09:00:00+00', 'payment_failed'),
    -- A term agreed at the start: the end is no notice.
    ('sub_term', 'cus_acme', 'active', TRUE, TRUE, '2026-01-01 09:00:00+00', '2026-01-01 09:00:00+00', NULL, NULL,
     '2026-06-10 09:00:00+00', '2027-01-01 09:00:00+00', FALSE, '2026-01-01 09:00:00+00', NULL, NULL),
    -- Tiered: its ARR is not known. No items at all.
    ('sub_tier', 'cus_acme', 'active', TRUE, TRUE, '2026-02-01 09:00:00+00', '2026-02-01 09:00:00+00', NULL, NULL,
     '2026-06-10 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    ('sub_empty', 'cus_acme', 'active', TRUE, TRUE, '2026-02-01 09:00:00+00', '2026-02-01 09:00:00+00', NULL, NULL,
     '2026-06-10 09:00:00+00', NULL, FALSE, NULL, NULL, NULL),
    -- Test mode.
    ('sub_test', 'cus_test', 'active', FALSE, TRUE, '2026-02-01 09:00:00+00', '2026-02-01 09:00:00+00', NULL, NULL,
     '2026-06-10 09:00:00+00', NULL, FALSE, NULL, NULL, NULL);

CREATE TABLE subscription_item (
    id text, subscription_id text, plan_id text, quantity bigint, _fivetran_deleted boolean
);
INSERT INTO subscription_item VALUES
    ('si_1', 'sub_items', 'price_seat', 15, FALSE), -- 15 x 20 x 12 = 3600
    ('si_2', 'sub_items', 'price_audit', 1, FALSE), -- 300
    ('si_3', 'sub_items', 'price_meter', NULL, FALSE), -- 0
    ('si_4', 'sub_items', 'price_audit', 9, TRUE), -- taken off
    ('si_5', 'sub_notice', 'price_quarter', 1, FALSE), -- 900 x 4 = 3600 EUR
    ('si_6', 'sub_late', 'price_jpy', 2, FALSE), -- 2 x 12000 x 12 = 288000 JPY
    ('si_7', 'sub_ended', 'price_seat', 5, FALSE), -- 1200
    ('si_8', 'sub_week', 'price_week', 4, FALSE), -- 4 x 10.505 x 26 = 1092.52
    ('si_9', 'sub_trial', 'price_seat', 3, FALSE), -- 720, were it paid
    ('si_10', 'sub_begun', 'price_seat', 3, FALSE),
    ('si_11', 'sub_never', 'price_seat', 3, FALSE),
    ('si_12', 'sub_paid', 'price_kwd', 1, FALSE), -- 25.5 KWD
    ('si_13', 'sub_paused', 'price_seat', 2, FALSE), -- 480
    ('si_14', 'sub_failed', 'price_seat', 10, FALSE), -- 2400
    ('si_15', 'sub_term', 'price_pack', 25, FALSE), -- 3 x 10 x 12 = 360
    ('si_16', 'sub_tier', 'price_tier', 7, FALSE),
    ('si_17', 'sub_test', 'price_seat', 7, FALSE);

CREATE TABLE invoice (
    id text, customer_id text, status text, livemode boolean, is_deleted boolean, created timestamptz,
    due_date timestamptz, total bigint, amount_due bigint, starting_balance bigint, ending_balance bigint, currency text,
    payment_intent_id text, attempt_count integer, status_transitions_finalized_at timestamptz,
    status_transitions_paid_at timestamptz, status_transitions_voided_at timestamptz,
    status_transitions_marked_uncollectible_at timestamptz
);
INSERT INTO invoice VALUES
    -- Paid at the third attempt.
    ('in_retry', 'cus_acme', 'paid', TRUE, FALSE, '2026-05-10 09:00:00+00', NULL, 32400, 32400, 0, 0, 'usd', 'pi_1', 3,
     '2026-05-10 10:00:00+00', '2026-05-17 10:00:00+00', NULL, NULL),
    -- Void, and issued again.
    ('in_void', 'cus_bolt', 'void', TRUE, FALSE, '2026-04-01 09:00:00+00', '2026-05-01 09:00:00+00', 90000, 90000, 0, 0,
     'eur', NULL, 0, '2026-04-01 10:00:00+00', NULL, '2026-04-03 08:00:00+00', NULL),
    ('in_again', 'cus_bolt', 'open', TRUE, FALSE, '2026-04-03 09:00:00+00', '2026-05-03 09:00:00+00', 90000, 70000, 0, 0,
     'eur', NULL, 0, '2026-04-03 10:00:00+00', NULL, NULL, NULL),
    -- Written off: owed, and never paid. No decimals.
    ('in_lost', 'cus_cora', 'uncollectible', TRUE, FALSE, '2026-03-01 09:00:00+00', NULL, 24000, 24000, 0, 0, 'jpy', 'pi_2',
     4, '2026-03-01 10:00:00+00', NULL, NULL, '2026-04-01 10:00:00+00'),
    -- A draft and a deleted one: nobody owes them. Test mode.
    ('in_draft', 'cus_cora', 'draft', TRUE, FALSE, '2026-05-31 09:00:00+00', NULL, 24000, 24000, 0, NULL, 'jpy', NULL, 0,
     NULL, NULL, NULL, NULL),
    ('in_deleted', 'cus_cora', 'open', TRUE, TRUE, '2026-05-30 09:00:00+00', NULL, 24000, 24000, 0, NULL, 'jpy', NULL, 0,
     NULL, NULL, NULL, NULL),
    ('in_test', 'cus_test', 'paid', FALSE, FALSE, '2026-05-30 09:00:00+00', NULL, 14000, 14000, 0, 0, 'usd', NULL, 0,
     '2026-05-30 09:00:00+00', '2026-05-30 09:00:00+00', NULL, NULL),
    -- A downgrade: 50 go to the balance, which pays part of the next one.
    ('in_minus', 'cus_dune', 'paid', TRUE, FALSE, '2026-03-20 10:00:00+00', NULL, -5000, 0, 0, -5000, 'usd', NULL, 0,
     '2026-03-20 10:00:00+00', '2026-03-20 10:00:00+00', NULL, NULL),
    ('in_balance', 'cus_dune', 'open', TRUE, FALSE, '2026-05-15 10:00:00+00', NULL, 8000, 3000, -5000, 0, 'usd', 'pi_3', 1,
     '2026-05-15 11:00:00+00', NULL, NULL, NULL),
    -- Paid, then disputed, and in part refunded by a credit note.
    ('in_dispute', 'cus_fern', 'paid', TRUE, FALSE, '2026-05-15 09:00:00+00', NULL, 25500, 25500, 0, 0, 'kwd', 'pi_4', 1,
     '2026-05-15 09:00:00+00', '2026-05-15 09:30:00+00', NULL, NULL);

CREATE TABLE credit_note (
    id text, invoice_id text, created timestamptz, total bigint, currency text, type text, status text, livemode boolean,
    voided_at timestamptz
);
INSERT INTO credit_note VALUES
    ('cn_open', 'in_again', '2026-04-20 09:00:00+00', 20000, 'eur', 'pre_payment', 'issued', TRUE, NULL),
    ('cn_refund', 'in_dispute', '2026-05-25 09:00:00+00', 5500, 'kwd', 'post_payment', 'issued', TRUE, NULL),
    ('cn_void', 'in_again', '2026-04-19 09:00:00+00', 30000, 'eur', 'pre_payment', 'void', TRUE, '2026-04-20 08:00:00+00');

CREATE TABLE charge (
    id text, invoice_id text, payment_intent_id text, customer_id text, status text, created timestamptz
);
INSERT INTO charge VALUES
    ('ch_1', 'in_retry', 'pi_1', 'cus_acme', 'failed', '2026-05-10 11:00:00+00'), -- the first attempt
    ('ch_2', 'in_retry', 'pi_1', 'cus_acme', 'failed', '2026-05-13 11:00:00+00'), -- the second
    ('ch_3', 'in_retry', 'pi_1', 'cus_acme', 'succeeded', '2026-05-17 10:00:00+00'),
    ('ch_4', NULL, 'pi_3', 'cus_dune', 'failed', '2026-05-15 12:00:00+00'), -- a newer API: no invoice on the charge
    ('ch_5', NULL, 'pi_4', 'cus_fern', 'succeeded', '2026-05-15 09:30:00+00'),
    ('ch_6', NULL, NULL, 'cus_fern', 'failed', '2026-05-01 09:30:00+00'); -- of no invoice

CREATE TABLE dispute (id text, charge_id text, status text, created timestamptz);
INSERT INTO dispute VALUES
    ('dp_1', 'ch_5', 'needs_response', '2026-05-22 14:00:00+00'),
    ('dp_2', 'ch_3', 'warning_closed', '2026-05-20 14:00:00+00'); -- a bank's question, no dispute
