-- A Salesforce org as loaders land it, read as of 2026-06-01. Ids are texts of 18 signs, shortened here. Case and User are
-- words of SQL: the tables are called cases and users. Each row has its trap beside it.
CREATE TABLE users (id text, name text, email text, _fivetran_active boolean);
INSERT INTO users VALUES
    ('005A', 'Ivy Lund', 'ivy@us.example', TRUE), ('005B', 'Omar Diaz', 'omar@us.example', TRUE),
    ('005A', 'Ivy Berg', 'ivy@us.example', FALSE); -- an earlier version, as a loader with history keeps it

CREATE TABLE account (
    id text, name text, parent_id text, industry text, billing_country_code text, owner_id text, type text,
    created_date timestamptz, is_deleted boolean, master_record_id text, _fivetran_active boolean,
    stripe_customer_id_c text, hubspot_company_id_c text, zendesk_organization_id_c text
);
INSERT INTO account VALUES
    ('001A', 'Acme', NULL, 'Software', 'us', '005A', 'Customer', '2024-01-02 08:00:00+00', FALSE, NULL, TRUE, 'cus_acme',
     '9001', '501'),
    ('001B', 'Bolt', '001A', 'Retail', 'Germany', '005B', 'Customer', '2024-01-03 08:00:00+00', FALSE, NULL, TRUE, NULL,
     NULL, NULL), -- a country's name is no code
    ('001C', 'Cora', NULL, NULL, NULL, NULL, 'Former', '2024-01-04 08:00:00+00', FALSE, NULL, TRUE, NULL, NULL, NULL),
    ('001D', 'ACME Inc', NULL, NULL, 'US', '005A', NULL, '2024-01-05 08:00:00+00', TRUE, '001A', TRUE, NULL, NULL,
     NULL), -- merged into Acme
    ('001E', 'Trash', NULL, NULL, 'US', '005A', NULL, '2024-01-05 08:00:00+00', TRUE, NULL, TRUE, NULL, NULL,
     NULL), -- deleted
    ('001A', 'Acme Old', NULL, 'Software', 'us', '005A', 'Customer', '2024-01-02 08:00:00+00', FALSE, NULL, FALSE, NULL,
     NULL, NULL); -- an earlier version, as a loader with history keeps it

CREATE TABLE contract (
    id text, account_id text, status text, start_date date, end_date date, contract_term integer,
    customer_signed_date date, company_signed_date date, sbqq_terminated_date_c date, is_deleted boolean,
    _fivetran_active boolean
);
INSERT INTO contract VALUES
    -- Two years, to the last day covered.
    ('800A', '001A', 'Activated', '2025-01-01', '2026-12-31', 24, '2024-12-12', NULL, NULL, FALSE, TRUE),
    -- Terminated early.
    ('800C', '001C', 'Activated', '2025-09-01', '2026-08-31', 12, NULL, '2025-08-20', '2026-03-10', FALSE, TRUE),
    -- Deleted: the opportunity counts without it.
    ('800B', '001B', 'Draft', '2030-01-01', '2030-12-31', 12, NULL, NULL, NULL, TRUE, TRUE);

CREATE TABLE opportunity (
    id text, account_id text, contract_id text, name text, type text, stage_name text, amount numeric, arr_c numeric,
    currency_iso_code text, owner_id text, close_date date, created_date timestamptz, is_won boolean, is_closed boolean,
    is_deleted boolean, _fivetran_active boolean
);
INSERT INTO opportunity VALUES
    -- Won for two years: 12000 a year.
    ('006A', '001A', '800A', 'Acme', 'New Customer', 'Closed Won', 24000, NULL, 'USD', '005A', '2024-12-10',
     '2024-10-01 09:00:00+00', TRUE, TRUE, FALSE, TRUE),
    -- Added within the term; a field of the company's own holds its ARR.
    ('006B', '001A', '800A', 'Acme seats', 'Existing Customer - Upgrade', 'Signed', 900, 1200, 'USD', '005A', '2026-05-04',
     '2026-04-01 09:00:00+00', TRUE, TRUE, FALSE, TRUE),
    -- No contract that counts: twelve months from the close date.
    ('006C', '001B', '800B', 'Bolt 2025', 'New Customer', 'Closed Won', 3000, NULL, 'eur', '005B', '2025-07-31',
     '2025-06-01 09:00:00+00', TRUE, TRUE, FALSE, TRUE),
    ('006D', '001C', '800C', 'Cora', 'New Customer', 'Closed Won', 1200, NULL, 'USD', NULL, '2025-08-15',
     '2025-07-01 09:00:00+00', TRUE, TRUE, FALSE, TRUE),
    -- A renewal by its name, in negotiation.
    ('006E', '001B', NULL, 'Bolt renewal 2026', 'Existing Business', 'Negotiation/Review', 3300, NULL, 'EUR', '005B',
     '2026-07-31', '2026-05-01 09:00:00+00', FALSE, FALSE, FALSE, TRUE),
    -- Lost, under a name of its own, and without a history.
    ('006F', '001A', NULL, 'Acme add-on', 'Upsell', 'Dropped', 500, NULL, 'USD', '005A', '2026-02-20',
     '2026-01-10 09:00:00+00', FALSE, TRUE, FALSE, TRUE),
    -- Won without an amount, below zero, and deleted.
    ('006G', '001A', NULL, 'Pilot', 'New Customer', 'Closed Won', NULL, NULL, 'USD', '005A', '2026-01-20',
     '2026-01-10 09:00:00+00', TRUE, TRUE, FALSE, TRUE),
    ('006H', '001A', NULL, 'Credit', 'New Customer', 'Closed Won', -100, NULL, 'USD', '005A', '2026-01-20',
     '2026-01-10 09:00:00+00', TRUE, TRUE, FALSE, TRUE),
    ('006I', '001A', NULL, 'Trash', 'New Customer', 'Closed Won', 100, NULL, 'USD', '005A', '2026-01-20',
     '2026-01-10 09:00:00+00', TRUE, TRUE, TRUE, TRUE),
    -- An earlier version of a row, as a loader with history keeps it.
    ('006B', '001A', '800A', 'Acme seats', 'Existing Customer - Upgrade', 'Proposal/Price Quote', 900, NULL, 'USD', '005A',
     '2026-05-30', '2026-04-01 09:00:00+00', FALSE, FALSE, FALSE, FALSE);

CREATE TABLE opportunity_history (
    id text, opportunity_id text, stage_name text, amount numeric, close_date date, created_date timestamptz,
    is_deleted boolean
);
INSERT INTO opportunity_history VALUES
    ('008A', '006B', 'Proposal/Price Quote', 700, '2026-05-30', '2026-04-01 09:00:00+00', FALSE),
    ('008B', '006B', 'Proposal/Price Quote', 800, '2026-05-30', '2026-04-15 09:00:00+00', FALSE),
    ('008C', '006B', 'Proposal/Price Quote', 900, '2026-05-30', '2026-04-15 09:00:00+00', FALSE), -- in the same second
    ('008D', '006B', 'Signed', 900, '2026-05-04', '2026-05-04 15:00:00+00', FALSE), -- won, under a name of its own
    ('008E', '006E', 'Negotiation/Review', 3300, '2026-07-31', '2026-05-01 09:00:00+00', FALSE),
    ('008F', '006A', 'Closed Won', 24000, '2024-12-10', '2024-12-10 15:00:00+00', FALSE); -- new business

CREATE TABLE contact (
    id text, account_id text, title text, created_date timestamptz, is_deleted boolean, master_record_id text,
    _fivetran_active boolean
);
INSERT INTO contact VALUES
    ('003A', '001A', 'Head of IT', '2024-02-01 09:00:00+00', FALSE, NULL, TRUE),
    ('003B', '001A', 'Chief Financial Officer', '2024-02-02 09:00:00+00', FALSE, NULL, TRUE), -- no role: by the title
    ('003C', '001B', 'Analyst', '2026-05-20 09:00:00+00', FALSE, NULL, TRUE),
    ('003D', '001A', 'Head of IT', '2024-02-01 09:00:00+00', TRUE, '003A', TRUE), -- merged
    ('003E', NULL, 'CEO', '2024-02-01 09:00:00+00', FALSE, NULL, TRUE); -- of no account

CREATE TABLE account_contact_relation (
    id text, account_id text, contact_id text, roles text, start_date date, end_date date, is_direct boolean,
    is_deleted boolean
);
INSERT INTO account_contact_relation VALUES
    ('07kA', '001A', '003A', 'Champion;Business User', '2024-03-01', '2026-04-30', TRUE, FALSE), -- left
    ('07kB', '001B', '003A', 'Evaluator', NULL, NULL, FALSE, FALSE), -- of another account
    ('07kC', '001B', '003C', 'Business User', NULL, NULL, TRUE, FALSE);

CREATE TABLE event (
    id text, account_id text, who_id text, type text, subject text, start_date_time timestamptz, activity_date date,
    created_date timestamptz, is_child boolean, is_recurrence boolean, is_deleted boolean, _fivetran_active boolean
);
INSERT INTO event VALUES
    ('00UA', '001A', '003B', 'Meeting', 'Quarterly review', '2026-05-04 14:00:00+00', '2026-05-04',
     '2026-05-06 09:00:00+00', FALSE, FALSE, FALSE, TRUE), -- entered two days later
    ('00UB', '001A', '003A', 'Meeting', 'No-show: training', '2026-05-11 14:00:00+00', '2026-05-11',
     '2026-05-01 09:00:00+00', FALSE, FALSE, FALSE, TRUE),
    ('00UC', '001A', '003A', 'Meeting', 'Canceled: training', '2026-05-18 14:00:00+00', '2026-05-18',
     '2026-05-01 09:00:00+00', FALSE, FALSE, FALSE, TRUE),
    ('00UD', '001A', '003A', 'Meeting', 'Quarterly review', '2026-05-04 14:00:00+00', '2026-05-04',
     '2026-05-04 09:00:00+00', TRUE, FALSE, FALSE, TRUE), -- an invitee's copy
    ('00UE', '001B', '003C', 'Call', 'Check-in', NULL, '2026-05-20', '2026-05-20 00:00:00+00', FALSE, FALSE, FALSE,
     TRUE), -- all day
    ('00UF', '001A', '003A', 'Meeting', 'Weekly', '2026-05-04 14:00:00+00', '2026-05-04', '2026-05-01 09:00:00+00', FALSE,
     TRUE, FALSE, TRUE), -- the pattern of a series
    ('00UG', NULL, NULL, 'Meeting', 'Team day', '2026-05-04 14:00:00+00', '2026-05-04', '2026-05-01 09:00:00+00', FALSE,
     FALSE, FALSE, TRUE); -- of no account

CREATE TABLE task (
    id text, account_id text, who_id text, type text, task_subtype text, status text, subject text, call_disposition text,
    activity_date date, completed_date_time timestamptz, created_date timestamptz, is_closed boolean, is_deleted boolean,
    _fivetran_active boolean
);
INSERT INTO task VALUES
    ('00TA', '001A', '003A', NULL, 'Call', 'Completed', 'Call', 'Connected', '2026-05-30', '2026-05-14 13:00:00+00',
     '2026-05-13 09:00:00+00', TRUE, FALSE, TRUE), -- due later than it was done
    ('00TB', '001A', NULL, NULL, 'Call', 'Completed', 'Call', 'No answer', '2026-05-15', '2026-05-15 13:00:00+00',
     '2026-05-15 09:00:00+00', TRUE, FALSE, TRUE),
    ('00TC', '001B', '003C', 'Email', 'Email', 'Completed', 'Email: hello', NULL, '2026-05-21', NULL,
     '2026-05-21 08:00:00+00', TRUE, FALSE, TRUE), -- an older org: only the day
    ('00TD', '001B', NULL, 'Email', 'ListEmail', 'Completed', 'Newsletter', NULL, '2026-05-22', NULL,
     '2026-05-22 08:00:00+00', TRUE, FALSE, TRUE), -- a mass email
    ('00TE', '001A', '003A', NULL, 'Call', 'Open', 'Call back', NULL, '2026-06-02', NULL, '2026-05-22 08:00:00+00', FALSE,
     FALSE, TRUE), -- not done
    ('00TF', '001A', '003A', 'Other', 'Task', 'Completed', 'Send the offer', NULL, '2026-05-22', NULL,
     '2026-05-22 08:00:00+00', TRUE, FALSE, TRUE); -- no contact with a customer

CREATE TABLE cases (
    id text, account_id text, subject text, description text, priority text, status text, created_date timestamptz,
    closed_date timestamptz, last_modified_date timestamptz, is_closed boolean, is_escalated boolean, is_deleted boolean,
    master_record_id text, _fivetran_active boolean
);
INSERT INTO cases VALUES
    -- Opened as medium, raised to high, lowered again; escalated.
    ('500A', '001A', 'Export fails', '<p>Nothing works, this is awful</p>', 'Low', 'Closed', '2026-05-02 09:00:00+00',
     '2026-05-05 09:00:00+00', '2026-05-20 09:00:00+00', TRUE, TRUE, FALSE, NULL, TRUE),
    -- Opened as critical and lowered since: the highest is that of the opening. Opened again: the close date stays behind.
    ('500B', '001A', 'Login', NULL, 'High', 'Working', '2026-05-03 09:00:00+00', '2026-05-04 09:00:00+00',
     '2026-05-06 09:00:00+00', FALSE, FALSE, FALSE, NULL, TRUE),
    -- Resolved without a time: by its last change.
    ('500C', '001B', 'Question', NULL, 'Low', 'Resolved', '2026-05-10 09:00:00+00', NULL, '2026-05-12 17:00:00+00', TRUE,
     FALSE, FALSE, NULL, TRUE),
    ('500D', '001B', 'Win a prize', NULL, 'Low', 'Spam', '2026-05-30 09:00:00+00', NULL, NULL, FALSE, FALSE, FALSE, NULL,
     TRUE), -- spam
    ('500E', '001B', 'Question', NULL, 'Low', 'Merged', '2026-05-30 09:00:00+00', NULL, NULL, TRUE, FALSE, FALSE, '500C',
     TRUE), -- merged
    ('500F', '001B', 'Trash', NULL, 'Low', 'New', '2026-05-30 09:00:00+00', NULL, NULL, FALSE, FALSE, TRUE, NULL,
     TRUE); -- deleted

CREATE TABLE case_history (
    id text, case_id text, field text, old_value text, new_value text, created_date timestamptz, is_deleted boolean
);
INSERT INTO case_history VALUES
    ('017A', '500A', 'Priority', 'Medium', 'High', '2026-05-03 12:00:00+00', FALSE),
    ('017B', '500A', 'Priority', 'High', 'Low', '2026-05-05 09:00:00+00', FALSE),
    ('017C', '500A', 'IsEscalated', 'false', 'true', '2026-05-04 10:00:00+00', FALSE),
    ('017D', '500B', 'Priority', 'Critical', 'High', '2026-05-03 12:00:00+00', FALSE),
    ('017E', '500B', 'Status', 'Closed', 'Working', '2026-05-06 09:00:00+00', FALSE);

-- What a loader has besides: records that were deleted for good.
ALTER TABLE account ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE contract ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE opportunity ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE contact ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE event ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE task ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE cases ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
INSERT INTO event VALUES
    ('00UH', '001A', '003A', 'Meeting', 'Review', '2026-05-05 14:00:00+00', '2026-05-05', '2026-05-01 09:00:00+00', FALSE,
     FALSE, FALSE, TRUE, TRUE);
INSERT INTO opportunity VALUES
    ('006J', '001A', NULL, 'Acme renewal copy', 'Upsell', 'Closed Won', 500, NULL, 'USD', '005A', '2026-02-20',
     '2026-01-10 09:00:00+00', TRUE, TRUE, FALSE, TRUE, TRUE);
