-- Tables of a company's own, named like the canonical ones; every one has what other systems are known to write in it.
CREATE TABLE accounts (
    account_id text, valid_from date, name text, parent_id text, industry text, country text, segment text, csm text,
    email_opt_out boolean, is_deleted boolean, is_test boolean, deleted_at timestamptz
);
INSERT INTO accounts VALUES
('1', NULL, 'Acme', NULL, 'Retail', 'uk', 'enterprise', 'kim', FALSE, FALSE, FALSE, NULL),
('2', NULL, 'Globex', '1', 'Energy', 'DE', NULL, NULL, NULL, NULL, NULL, NULL),
-- deleted, by flag and by time; made for tests
('3', NULL, 'Old', NULL, NULL, NULL, NULL, NULL, NULL, TRUE, FALSE, NULL),
('4', NULL, 'Older', NULL, NULL, NULL, NULL, NULL, NULL, FALSE, FALSE, '2026-01-01 00:00:00+00'),
('5', NULL, 'Test GmbH', NULL, NULL, NULL, NULL, NULL, NULL, FALSE, TRUE, NULL);

CREATE TABLE contracts (
    contract_id bigint, account_id text, start_on date, end_on date, ended_on date, signed_on date, notice_on date,
    arr numeric(12, 2), mrr numeric(12, 2), arr_cents bigint, mrr_cents bigint, currency text, seats integer, plan text,
    trial boolean, status text, auto_renew boolean, replaces bigint, chain_id text, is_deleted boolean, is_test boolean,
    deleted_at timestamptz, type text, amount_per_period numeric(12, 2), billing_cycle text
);
INSERT INTO contracts VALUES
-- ARR as it is; 100 a month; 12,000 a year in cents; 5,000 yen a month, which have none
(1, '1', '2026-01-01', '2027-01-01', NULL, '2025-12-20', NULL, 12000.00, NULL, NULL, NULL, 'usd', 10, 'pro',
 FALSE, 'active', TRUE, NULL, NULL, FALSE, FALSE, NULL, NULL, NULL, NULL),
(2, '2', '2026-02-01', NULL, NULL, NULL, '2026-05-02', NULL, 100.00, NULL, NULL, 'EUR', NULL, 'basic',
 NULL, 'canceled', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(3, '2', '2026-03-01', NULL, NULL, NULL, NULL, NULL, NULL, 1200000, NULL, 'EUR', NULL, 'basic',
 NULL, 'active', NULL, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(4, '1', '2026-03-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 5000, 'jpy', NULL, 'add-on',
 NULL, 'active', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
-- a trial, by its status
(5, '2', '2026-05-01', '2026-06-15', NULL, NULL, NULL, 600, NULL, NULL, NULL, 'EUR', NULL, 'extra',
 NULL, 'Trialing', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
-- a pilot, by its type
(8, '2', '2026-05-01', NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, 'EUR', NULL, 'extra',
 NULL, 'active', NULL, NULL, NULL, NULL, NULL, NULL, 'Pilot', NULL, NULL),
-- 300 a quarter; a service that is paid once
(9, '1', '2026-05-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'EUR', NULL, 'module',
 NULL, 'active', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 300, 'Quarterly'),
(10, '1', '2026-05-01', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'EUR', NULL, 'onboarding',
 NULL, 'active', NULL, NULL, NULL, NULL, NULL, NULL, 'One-off', 4000, 'monthly'),
-- a draft; deleted
(6, '2', '2026-06-01', NULL, NULL, NULL, NULL, 99999, NULL, NULL, NULL, 'EUR', NULL, 'pro',
 NULL, 'draft', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
(7, '2', '2026-05-01', NULL, NULL, NULL, NULL, 99999, NULL, NULL, NULL, 'EUR', NULL, 'pro',
 NULL, 'active', NULL, NULL, NULL, TRUE, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE usage (
    account_id text, day timestamptz, user_id text, feature text, events integer, minutes numeric, seconds integer,
    received_at timestamptz, is_bot boolean, is_test boolean
);
INSERT INTO usage VALUES
-- a log: two rows of one day, one of which came days later, in two spellings; without a count each is one
('1', '2026-05-01 09:00:00+00', 'u1', 'Export PDF', NULL, 2.5, NULL, '2026-05-01 09:00:01+00', FALSE, FALSE),
('1', '2026-05-01 22:30:00+00', 'u1', 'export_pdf', NULL, NULL, 90, '2026-05-04 09:00:00+00', NULL, NULL),
-- 22:30 in New York: the next day in UTC; a row that counts five
('2', '2026-05-02 22:30:00-04', NULL, 'login', 5, NULL, NULL, NULL, NULL, NULL),
('2', '2026-05-31 09:00:00+00', 'u2', 'login', 1, NULL, NULL, NULL, NULL, NULL),
-- a robot, a test; nobody's
('1', '2026-05-01 09:00:00+00', 'bot', 'login', 900, NULL, NULL, NULL, TRUE, NULL),
('1', '2026-05-01 09:00:00+00', 'qa', 'login', 900, NULL, NULL, NULL, NULL, TRUE),
(NULL, '2026-05-01 09:00:00+00', 'u9', 'login', 1, NULL, NULL, NULL, NULL, NULL);

CREATE TYPE ticket_status AS ENUM ('Open', 'Resolved', 'closed', 'Spam', 'merged');
CREATE TABLE tickets (
    ticket_id uuid, account_id text, opened_at timestamptz, priority text, priority_at timestamptz, subject text,
    text text, sentiment numeric, first_response_at timestamptz, closed_at timestamptz, updated_at timestamptz,
    status ticket_status, escalated_at timestamptz, escalated boolean, csat_at timestamptz, csat text, merged_into uuid,
    is_deleted boolean, is_test boolean, deleted_at timestamptz
);
INSERT INTO tickets VALUES
-- resolved without a time: its last change
('00000000-0000-0000-0000-000000000001', '1', '2026-05-01 10:00:00+02', 'P1', NULL, 'Down', '<p>All is down</p>', NULL,
 '2026-05-01 09:00:00+00', NULL, '2026-05-03 09:00:00+00', 'Resolved', NULL, NULL, '2026-05-03 10:00:00+00', 'Good',
 NULL, FALSE, FALSE, NULL),
-- open again: the closing of before is none
('00000000-0000-0000-0000-000000000002', '2', '2026-05-02 08:00:00+00', 'Normal', NULL, 'Slow', NULL, NULL,
 NULL, '2026-05-03 09:00:00+00', '2026-05-04 09:00:00+00', 'Open', NULL, NULL, NULL, 'offered',
 NULL, FALSE, FALSE, NULL),
('00000000-0000-0000-0000-000000000003', '2', '2026-05-03 08:00:00+00', 'critical', '2026-05-03 09:00:00+00', 'Lost',
 NULL, -0.5, NULL, '2026-05-04 09:00:00+00', '2026-05-09 09:00:00+00', 'closed', '2026-05-03 09:00:00+00', TRUE,
 '2026-05-05 09:00:00+00', '2', NULL, FALSE, FALSE, NULL),
-- spam; merged, by status and by the ticket that it went on in; nobody's
('00000000-0000-0000-0000-000000000004', '1', '2026-05-03 08:00:00+00', 'low', NULL, 'Buy', NULL, NULL,
 NULL, NULL, NULL, 'Spam', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
('00000000-0000-0000-0000-000000000005', '1', '2026-05-03 08:00:00+00', 'low', NULL, 'Down', NULL, NULL,
 NULL, NULL, NULL, 'merged', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
('00000000-0000-0000-0000-000000000006', '1', '2026-05-03 08:00:00+00', 'low', NULL, 'Down', NULL, NULL,
 NULL, NULL, NULL, 'closed', NULL, NULL, NULL, NULL, '00000000-0000-0000-0000-000000000001', NULL, NULL, NULL),
('00000000-0000-0000-0000-000000000007', NULL, '2026-05-03 08:00:00+00', 'low', NULL, 'Hello', NULL, NULL,
 NULL, NULL, NULL, 'Open', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE TABLE invoices (
    invoice_id text, account_id text, issued_on date, due_on date, amount numeric(12, 2), amount_cents bigint,
    currency text, credit_of text, paid_at timestamptz, voided_at timestamptz, first_failed_at timestamptz,
    failed_at timestamptz, disputed_at timestamptz, resolved_at timestamptz, status text, updated_at timestamptz,
    is_deleted boolean, is_test boolean, deleted_at timestamptz
);
INSERT INTO invoices VALUES
('i1', '1', '2026-04-01', '2026-05-01', 1000.00, NULL, 'usd', NULL, '2026-04-20 09:00:00+00', NULL, NULL, NULL, NULL,
 NULL, 'paid', '2026-05-20 09:00:00+00', FALSE, FALSE, NULL),
-- cents; yen, which have none; paid and void without a time; a credit note
('i2', '2', '2026-04-02', NULL, NULL, 12345, 'EUR', NULL, NULL, NULL, '2026-04-03 09:00:00+00',
 '2026-04-05 09:00:00+00', NULL, NULL, 'Paid', '2026-04-06 09:00:00+00', NULL, NULL, NULL),
('i3', '1', '2026-04-03', NULL, NULL, 5000, 'JPY', NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, 'void', '2026-04-10 09:00:00+00', NULL, NULL, NULL),
('i4', '1', '2026-04-04', NULL, -200.00, NULL, 'USD', 'i1', NULL, NULL, NULL, NULL, NULL,
 NULL, 'open', '2026-04-04 09:00:00+00', NULL, NULL, NULL),
-- a draft
('i5', '1', '2026-04-05', NULL, 1.00, NULL, 'USD', NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, 'draft', '2026-04-04 09:00:00+00', NULL, NULL, NULL);

CREATE TABLE surveys (
    survey_id integer, account_id text, answered_at timestamptz, score integer, role text, comment text,
    sentiment numeric, is_deleted boolean, is_test boolean
);
INSERT INTO surveys VALUES
(1, '1', '2026-05-01 10:00:00+00', 9, 'Champion', 'Great', NULL, NULL, NULL),
(2, '2', '2026-05-02 10:00:00+00', NULL, NULL, NULL, NULL, NULL, FALSE),
(3, '2', '2026-05-02 10:00:00+00', 0, NULL, 'test', NULL, NULL, TRUE);

CREATE TABLE touchpoints (
    touchpoint_id integer, account_id text, happened_at timestamptz, kind text, role text, attended boolean, status text,
    answered_at timestamptz, milestone text, text text, sentiment numeric, engagement numeric, scored_at timestamptz,
    entered_at timestamptz, is_deleted boolean, is_test boolean
);
INSERT INTO touchpoints VALUES
-- a call that was entered two days later; nobody came; canceled
(1, '1', '2026-05-01 10:00:00+00', 'Phone call', 'Admin', NULL, 'completed', NULL, NULL, 'We spoke', 0.5, NULL, NULL,
 '2026-05-03 10:00:00+00', NULL, NULL),
(2, '1', '2026-05-02 10:00:00+00', 'QBR', NULL, TRUE, 'No-show', NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL),
(3, '1', '2026-05-03 10:00:00+00', 'meeting', NULL, NULL, 'CANCELED', NULL, NULL, NULL, NULL, NULL, NULL,
 NULL, NULL, NULL);

CREATE TABLE contacts (
    contact_id integer, account_id text, since date, role text, left_on date, is_deleted boolean, is_test boolean,
    deleted_at timestamptz
);
INSERT INTO contacts VALUES
(1, '1', '2026-01-01', 'Champion', '2026-05-01', NULL, NULL, NULL),
(2, '2', '2026-01-01', NULL, NULL, TRUE, NULL, NULL);

CREATE TABLE opportunities (
    opportunity_id integer, account_id text, changed_at timestamptz, kind text, stage text, value numeric,
    currency text, owner text, is_deleted boolean, is_test boolean
);
INSERT INTO opportunities VALUES
(1, '1', '2026-05-01 10:00:00+00', 'Renewal', 'closedwon', 12000, 'usd', 'kim', NULL, NULL),
(2, '2', '2026-05-02 10:00:00+00', 'Up-sell', 'Closed Lost', 500, 'EUR', 'kim', NULL, NULL),
-- no customer yet
(3, '2', '2026-05-02 10:00:00+00', 'New Business', 'Open', 500, 'EUR', 'kim', NULL, NULL);

CREATE TABLE churn_events (churn_id text, account_id text, churned_on date, reason text);
INSERT INTO churn_events VALUES ('e1', '2', '2025-01-31', 'price'), (NULL, '2', '2025-11-30', NULL);
CREATE TABLE advocacy (advocacy_id text, account_id text, given_on date, kind text, rating numeric);
INSERT INTO advocacy VALUES
('r1', '1', '2026-04-01', 'Review', 4.5), (NULL, '2', '2026-05-01', 'Reference', NULL),
('r3', NULL, '2026-05-01', 'Reference', NULL);
CREATE TABLE interventions (intervention_id text, account_id text, started_at timestamptz, kind text, root_cause text);
INSERT INTO interventions VALUES ('w1', '1', '2026-05-01 10:00:00+00', 'Training', 'adoption');
CREATE TABLE hold_outs (account_id text, drawn_at timestamptz, chance numeric, held_out boolean);
INSERT INTO hold_outs VALUES ('1', '2026-05-01 10:00:00+00', 0.8, FALSE);
CREATE TABLE legacy_scores (account_id text, scored_on date, score numeric, band text);
INSERT INTO legacy_scores VALUES ('1', '2026-05-01', 72.5, 'green');
CREATE TABLE notes (note_id text, account_id text, noted_at timestamptz, kind text, note text, expires_on date);
INSERT INTO notes VALUES ('n1', '1', '2026-05-01 10:00:00+00', 'Merger', 'They merge', '9999-12-31');
