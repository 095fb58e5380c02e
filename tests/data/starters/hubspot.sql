-- A HubSpot portal as loaders land it, read as of 2026-06-01. Ids are numbers. Each row has its trap beside it.
CREATE TABLE owner (owner_id bigint, first_name text, last_name text, email text);
INSERT INTO owner VALUES (71, 'Ivy', 'Lund', 'ivy@us.example'), (72, NULL, NULL, 'omar@us.example');

CREATE TABLE company (
    id bigint, property_name text, property_industry text, property_hs_country_code text,
    property_hs_parent_company_id bigint, property_hubspot_owner_id text, property_lifecyclestage text,
    property_createdate timestamptz, is_deleted boolean, _fivetran_deleted boolean, property_stripe_customer_id text,
    property_salesforceaccountid text, property_zendesk_organization_id text, property_intercom_company_id text,
    property_hs_merged_object_ids text
);
INSERT INTO company VALUES
    (9001, 'Acme', 'COMPUTER_SOFTWARE', 'us', NULL, '71', 'customer', '2024-01-02 08:00:00+00', FALSE, FALSE, 'cus_acme',
     '001A', '501', NULL, '9004'),
    (9002, 'Bolt', 'RETAIL', 'DE', 9001, '72', 'customer', '2024-01-03 08:00:00+00', FALSE, FALSE, NULL, NULL, NULL, NULL, NULL),
    -- Left, and no customer any more today: was one last year.
    (9003, 'Cora', NULL, NULL, NULL, NULL, 'other', '2024-01-04 08:00:00+00', FALSE, FALSE, NULL, NULL, NULL, NULL, NULL),
    -- Merged into Acme, which deletes it. Deleted at the loader.
    (9004, 'ACME Inc', NULL, 'US', NULL, '71', 'lead', '2024-01-05 08:00:00+00', TRUE, FALSE, 'cus_acme_2', NULL, NULL, NULL, NULL),
    (9005, 'Test', NULL, 'US', NULL, '71', 'lead', '2024-01-05 08:00:00+00', FALSE, TRUE, 'cus_test', NULL, NULL, NULL, NULL);

CREATE TABLE contact (
    id bigint, property_associatedcompanyid bigint, property_createdate timestamptz, property_hs_buying_role text,
    property_hs_calculated_merged_vids text, _fivetran_deleted boolean, _fivetran_synced timestamptz
);
INSERT INTO contact VALUES
    (11, 9001, '2024-02-01 09:00:00+00', 'CHAMPION;END_USER', '14:1706800000000;15:1706800000001', FALSE, '2026-05-31 03:00:00+00'), -- two roles
    (12, 9001, '2024-02-02 09:00:00+00', 'DECISION_MAKER', NULL, FALSE, '2026-05-31 03:00:00+00'),
    (13, 9002, '2024-02-03 23:30:00+00', 'LEGAL_AND_COMPLIANCE', NULL, FALSE, '2026-05-31 03:00:00+00'), -- no role of ours
    (14, 9001, '2024-01-30 09:00:00+00', 'CHAMPION', NULL, FALSE, '2026-05-31 03:00:00+00'), -- went into 11
    (16, 9002, '2024-02-05 09:00:00+00', 'EXECUTIVE_SPONSOR', NULL, TRUE, '2026-04-12 03:00:00+00'), -- deleted: has left
    (17, NULL, '2024-02-05 09:00:00+00', 'END_USER', NULL, FALSE, '2026-05-31 03:00:00+00'), -- of no company
    (18, 9003, '2024-02-06 09:00:00+00', 'EXECUTIVE_SPONSOR', NULL, FALSE, '2026-05-31 03:00:00+00'),
    (20, 9004, '2024-02-07 09:00:00+00', 'CHAMPION', NULL, FALSE, '2026-05-31 03:00:00+00'), -- of a deleted company
    (19, 9002, '2026-05-20 09:00:00+00', 'END_USER', NULL, FALSE, '2026-05-31 03:00:00+00');

CREATE TABLE deal_pipeline (pipeline_id text, label text);
INSERT INTO deal_pipeline VALUES ('default', 'Sales pipeline'), ('7001', 'Renewals');

CREATE TABLE deal_pipeline_stage (
    stage_id text, pipeline_id text, label text, probability double precision, closed_won boolean, is_closed boolean
);
INSERT INTO deal_pipeline_stage VALUES
    ('qualifiedtobuy', 'default', 'Qualified to buy', 0.4, FALSE, FALSE),
    ('contractsent', 'default', 'Contract sent', 0.9, FALSE, FALSE),
    ('closedwon', 'default', 'Closed won', 1.0, TRUE, TRUE),
    ('closedlost', 'default', 'Closed lost', 0.0, FALSE, TRUE),
    ('7011', '7001', 'Proposal out', 0.5, FALSE, FALSE),
    ('7012', '7001', 'Renewed', 1.0, TRUE, TRUE), -- won, under a name of its own
    ('7013', '7001', 'Churned', 0.0, FALSE, TRUE); -- lost, under a name of its own

CREATE TABLE deal (
    deal_id bigint, deal_pipeline_id text, deal_pipeline_stage_id text, owner_id bigint, property_dealname text,
    property_dealtype text, property_amount numeric, property_hs_arr numeric, property_deal_currency_code text,
    property_createdate timestamptz, property_closedate timestamptz, is_deleted boolean,
    property_hs_lastmodifieddate timestamptz
);
INSERT INTO deal VALUES
    (301, 'default', 'closedwon', 71, 'Acme seats', 'existingbusiness', 900.00, 600.00, 'USD', '2026-03-01 09:00:00+00',
     '2026-04-10 09:00:00+00', FALSE, '2026-05-30 09:00:00+00'),
    (302, '7001', '7013', 72, 'Cora 2026', 'existingbusiness', 1200.00, NULL, 'eur', '2026-02-01 09:00:00+00',
     '2026-03-15 09:00:00+00', FALSE, '2026-05-30 09:00:00+00'), -- a renewal by its pipeline, lost
    (303, 'default', 'contractsent', NULL, 'Bolt renewal', NULL, 2000.00, NULL, NULL, '2026-05-01 09:00:00+00',
     '2026-07-01 09:00:00+00', FALSE, '2026-05-30 09:00:00+00'), -- a renewal by its name; the close date is a plan
    (304, 'default', 'closedwon', 71, 'Dune', 'newbusiness', 100.00, NULL, 'USD', '2026-03-01 09:00:00+00',
     '2026-03-02 09:00:00+00', FALSE, '2026-05-30 09:00:00+00'), -- new business
    (305, 'default', 'qualifiedtobuy', 71, 'Acme copy', 'existingbusiness', 100.00, NULL, 'USD', '2026-03-01 09:00:00+00',
     NULL, FALSE, '2026-05-30 09:00:00+00'), -- merged into 301
    (306, 'default', 'qualifiedtobuy', 71, 'Acme trash', 'existingbusiness', 100.00, NULL, 'USD', '2026-03-01 09:00:00+00',
     NULL, TRUE, '2026-05-30 09:00:00+00'), -- deleted
    (307, 'default', 'closedlost', 71, 'Acme add-on', 'existingbusiness', 300.00, NULL, 'USD', '2026-01-10 09:00:00+00',
     NULL, FALSE, '2026-02-20 09:00:00+00'); -- without a history and without a close date

CREATE TABLE deal_stage (deal_id bigint, date_entered timestamptz, value text);
INSERT INTO deal_stage VALUES
    (301, '2026-03-01 09:00:00+00', 'qualifiedtobuy'),
    (301, '2026-03-20 09:00:00+00', 'contractsent'),
    (301, '2026-04-10 09:00:00+00', 'closedwon'),
    (302, '2026-02-01 09:00:00+00', '7011'),
    (302, '2026-03-15 09:00:00+00', '7013'),
    (303, '2026-05-01 09:00:00+00', 'contractsent'),
    (304, '2026-03-01 09:00:00+00', 'closedwon'),
    (305, '2026-03-01 09:00:00+00', 'qualifiedtobuy');

CREATE TABLE deal_company (deal_id bigint, company_id bigint, type_id integer);
INSERT INTO deal_company VALUES
    (301, 9001, 5), (301, 9002, 341), -- two companies: the primary one counts
    (302, 9003, 5), (303, 9002, 5), (304, 9002, 5), (305, 9001, 5), (306, 9001, 5), (307, 9004, 5), (307, 9001, 341); -- the primary one is deleted

CREATE TABLE merged_deal (deal_id bigint, merged_deal_id bigint);
INSERT INTO merged_deal VALUES (301, 305);

CREATE TABLE engagement (id bigint, type text, timestamp timestamp); -- instants without a zone
INSERT INTO engagement VALUES (806, 'CALL', '2026-05-14 13:00:00');

CREATE TABLE engagement_company (engagement_id bigint, company_id bigint);
INSERT INTO engagement_company VALUES
    (801, 9001), (801, 9002), (802, 9001), (803, 9001), (804, 9001), (805, 9001), (806, 9002), (807, 9002), (811, 9001),
    (812, 9001), (813, 9001), (814, 9002), (815, 9002), (816, 9002), (801, 9001), -- one link twice
    (802, 9004); -- to a deleted company

CREATE TABLE engagement_contact (engagement_id bigint, contact_id bigint);
INSERT INTO engagement_contact VALUES (801, 11), (801, 12), (802, 11), (811, 13);

CREATE TABLE engagement_meeting (
    engagement_id bigint, property_hs_meeting_start_time timestamptz, property_hs_timestamp timestamptz,
    property_hs_createdate timestamptz, property_hs_meeting_outcome text, company_id bigint, _fivetran_deleted boolean
);
INSERT INTO engagement_meeting VALUES
    -- Held; two companies, the champion and the decision maker came; entered two days later.
    (801, '2026-05-04 14:00:00+00', '2026-05-04 14:00:00+00', '2026-05-06 09:00:00+00', 'COMPLETED', NULL, FALSE),
    (802, '2026-05-11 14:00:00+00', '2026-05-11 14:00:00+00', '2026-05-01 09:00:00+00', 'NO_SHOW', NULL, FALSE),
    (803, '2026-05-18 14:00:00+00', '2026-05-18 14:00:00+00', '2026-05-01 09:00:00+00', 'CANCELED', NULL, FALSE),
    (804, '2026-05-19 14:00:00+00', '2026-05-19 14:00:00+00', '2026-05-01 09:00:00+00', 'RESCHEDULED', NULL, FALSE),
    (805, '2026-05-20 14:00:00+00', '2026-05-20 14:00:00+00', '2026-05-01 09:00:00+00', NULL, NULL, FALSE), -- no outcome
    -- As a person wrote the outcome; the company is in the meeting itself. Still planned.
    (808, '2026-05-21 14:00:00+00', '2026-05-21 14:00:00+00', '2026-05-01 09:00:00+00', 'No show', 9002, FALSE),
    (809, '2026-05-22 14:00:00+00', '2026-05-22 14:00:00+00', '2026-05-01 09:00:00+00', 'SCHEDULED', 9002, FALSE);

CREATE TABLE engagement_call (
    engagement_id bigint, property_hs_timestamp timestamptz, property_hs_createdate timestamptz,
    property_hs_call_status text, _fivetran_deleted boolean
);
INSERT INTO engagement_call VALUES
    (806, NULL, NULL, 'COMPLETED', FALSE), -- an older loader: the time is that of the engagement
    (807, '2026-05-15 13:00:00+00', '2026-05-15 13:00:00+00', 'NO_ANSWER', FALSE);

CREATE TABLE engagement_email (
    engagement_id bigint, property_hs_timestamp timestamptz, property_hs_createdate timestamptz,
    property_hs_email_direction text, property_hs_email_status text, property_hs_email_thread_id text,
    property_hs_email_text text, property_hs_email_html text, _fivetran_deleted boolean
);
INSERT INTO engagement_email VALUES
    (811, '2026-05-21 08:00:00+00', '2026-05-21 08:00:00+00', 'EMAIL', 'SENT', 't1', 'How is it going?', NULL, FALSE),
    -- Two answers: the first counts, as HTML.
    (812, '2026-05-21 16:00:00+00', '2026-05-21 16:00:00+00', 'INCOMING_EMAIL', NULL, 't1', NULL,
     '<p>This is <b>terrible</b>, we are very unhappy.</p>', FALSE),
    (813, '2026-05-22 16:00:00+00', '2026-05-22 16:00:00+00', 'INCOMING_EMAIL', NULL, 't1', 'Anyone there?', NULL, FALSE),
    (814, '2026-05-23 08:00:00+00', '2026-05-23 08:00:00+00', 'EMAIL', 'SENT', 't2', 'Hello?', NULL, FALSE), -- no answer
    (815, '2026-05-24 08:00:00+00', '2026-05-24 08:00:00+00', 'EMAIL', 'BOUNCED', 't3', 'Hello?', NULL, FALSE),
    -- The customer wrote first.
    (816, '2026-05-25 08:00:00+00', '2026-05-25 08:00:00+00', 'INCOMING_EMAIL', NULL, 't4',
     'We love the new reports, great work, thank you!', NULL, FALSE);

CREATE TABLE feedback_submission (
    id bigint, property_hs_survey_type text, property_hs_value text, property_hs_submission_timestamp timestamptz,
    property_hs_content text, property_hs_contact_id bigint, is_deleted boolean
);
INSERT INTO feedback_submission VALUES
    (601, 'NPS', '9', '2026-04-01 10:00:00+00', 'Great product, we love it', 11, FALSE),
    (602, 'CSAT', '2', '2026-04-02 10:00:00+00', NULL, 12, FALSE), -- another scale
    (603, 'NPS', '3', '2026-04-03 10:00:00+00', NULL, 17, FALSE); -- of no company

CREATE TABLE ticket_pipeline_stage (stage_id text, label text, is_closed boolean, ticket_state text);
INSERT INTO ticket_pipeline_stage VALUES ('1', 'New', FALSE, 'OPEN'), ('4', 'Resolved', TRUE, 'CLOSED');

CREATE TABLE ticket (
    id bigint, property_createdate timestamptz, property_closed_date timestamptz, property_hs_lastmodifieddate timestamptz,
    property_first_agent_reply_date timestamptz, property_hs_pipeline_stage text, property_hs_ticket_priority text,
    property_subject text, property_content text, is_deleted boolean
);
INSERT INTO ticket VALUES
    -- Opened as medium, raised to urgent, lowered again when it was solved.
    (401, '2026-05-02 09:00:00+00', '2026-05-05 09:00:00+00', '2026-05-20 09:00:00+00', '2026-05-02 10:00:00+00', '4', 'LOW',
     'Export fails', '<div>Nothing works, this is awful</div>', FALSE),
    -- Closed, then opened again: the close date stays behind.
    (402, '2026-05-03 09:00:00+00', '2026-05-04 09:00:00+00', '2026-05-06 09:00:00+00', NULL, '1', 'HIGH', 'Login', NULL,
     FALSE),
    -- Resolved without a time: by its last change.
    (403, '2026-05-10 09:00:00+00', NULL, '2026-05-12 17:00:00+00', NULL, '4', NULL, 'Question', NULL, FALSE),
    (404, '2026-05-30 09:00:00+00', NULL, NULL, NULL, '1', 'LOW', 'Deleted', NULL, TRUE), -- deleted
    (405, '2026-05-30 09:00:00+00', NULL, NULL, NULL, '1', 'LOW', 'Nobody', NULL, FALSE); -- of a deleted company

CREATE TABLE ticket_company (ticket_id bigint, company_id bigint, type_id integer);
INSERT INTO ticket_company VALUES (401, 9002, 339), (401, 9001, 26), (402, 9001, 26), (403, 9002, 26), (404, 9002, 26), (405, 9004, 26);

CREATE TABLE ticket_property_history (ticket_id bigint, name text, timestamp_instant timestamptz, value text);
INSERT INTO ticket_property_history VALUES
    (401, 'hs_ticket_priority', '2026-05-02 09:00:00+00', 'MEDIUM'),
    (401, 'hs_ticket_priority', '2026-05-03 12:00:00+00', 'URGENT'),
    (401, 'hs_ticket_priority', '2026-05-05 09:00:00+00', 'LOW'),
    (401, 'hs_pipeline_stage', '2026-05-05 09:00:00+00', '4');

-- What some loaders have besides. Deleted: each table says so by itself, and a link may be taken off again.
ALTER TABLE contact ADD COLUMN is_deleted boolean DEFAULT FALSE;
ALTER TABLE contact ADD COLUMN property_lastmodifieddate timestamptz;
ALTER TABLE deal ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE deal ADD COLUMN property_hs_is_closed boolean;
ALTER TABLE deal ADD COLUMN property_hs_is_closed_won boolean;
ALTER TABLE deal_company ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE engagement ADD COLUMN is_deleted boolean DEFAULT FALSE;
ALTER TABLE engagement ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE engagement_company ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE engagement_contact ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE engagement_meeting ADD COLUMN is_deleted boolean DEFAULT FALSE;
ALTER TABLE engagement_call ADD COLUMN is_deleted boolean DEFAULT FALSE;
ALTER TABLE engagement_email ADD COLUMN is_deleted boolean DEFAULT FALSE;
ALTER TABLE feedback_submission ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE ticket ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE ticket_company ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
INSERT INTO engagement VALUES
    (821, 'MEETING', '2026-05-06 13:00:00', TRUE, FALSE), (822, 'CALL', '2026-05-06 13:00:00', FALSE, TRUE),
    (823, 'EMAIL', '2026-05-06 13:00:00', TRUE, FALSE), (824, 'MEETING', '2026-05-06 13:00:00', FALSE, FALSE),
    (825, 'MEETING', '2026-05-06 13:00:00', FALSE, FALSE);
INSERT INTO engagement_company VALUES
    (821, 9001, FALSE), (822, 9001, FALSE), (823, 9001, FALSE), (824, 9001, FALSE), (825, 9001, TRUE);
INSERT INTO engagement_meeting VALUES
    (821, '2026-05-06 14:00:00+00', NULL, NULL, 'COMPLETED', NULL, FALSE, FALSE),
    (824, '2026-05-06 14:00:00+00', NULL, NULL, 'COMPLETED', NULL, FALSE, TRUE),
    (825, '2026-05-06 14:00:00+00', NULL, NULL, 'COMPLETED', NULL, FALSE, FALSE); -- of no company any more
INSERT INTO engagement_call VALUES (822, '2026-05-06 14:00:00+00', NULL, 'COMPLETED', FALSE, FALSE);
INSERT INTO engagement_email VALUES
    (823, '2026-05-06 14:00:00+00', NULL, 'EMAIL', 'SENT', 't5', 'Hello?', NULL, FALSE, FALSE);
