-- Intercom as loaders land it: every version of a company, a contact and a conversation; times as timestamps, or, in the
-- parts of conversations, as Intercom's own seconds since 1970.
CREATE TABLE companies (
    id text, company_id text, name text, industry text, created_at timestamptz, updated_at timestamptz,
    _fivetran_deleted boolean
);
INSERT INTO companies VALUES
-- two versions: the newer name counts
('5f01', 'acme', 'Acme Inc', 'Retail', '2025-01-01 09:00:00+00', '2025-06-01 09:00:00+00', FALSE),
('5f01', 'acme', 'Acme', 'Retail', '2025-01-01 09:00:00+00', '2026-03-01 09:00:00+00', FALSE),
('5f02', 'globex', 'Globex', NULL, '2025-01-01 09:00:00+00', '2026-03-01 09:00:00+00', FALSE),
('5f03', 'old', 'Old', NULL, '2025-01-01 09:00:00+00', '2026-03-01 09:00:00+00', TRUE);

CREATE TABLE contacts (id text, role text, created_at timestamptz, updated_at timestamptz, _fivetran_deleted boolean);
INSERT INTO contacts VALUES
-- 22:00 in New York: the next day in UTC; once a lead
('c1', 'lead', '2025-02-01 22:00:00-05', '2025-02-01 22:00:00-05', FALSE),
('c1', 'user', '2025-02-01 22:00:00-05', '2026-02-01 09:00:00+00', FALSE),
-- a user of two companies; a lead; deleted; of a deleted company
('c2', 'user', '2025-02-02 09:00:00+00', '2026-02-01 09:00:00+00', FALSE),
('c3', 'lead', '2025-02-03 09:00:00+00', '2026-02-01 09:00:00+00', FALSE),
('c4', 'user', '2025-02-04 09:00:00+00', '2026-02-01 09:00:00+00', TRUE),
('c5', 'user', '2025-02-05 09:00:00+00', '2026-02-01 09:00:00+00', FALSE);

CREATE TABLE contact_companies (contact_id text, company_id text, contact_updated_at timestamptz);
INSERT INTO contact_companies VALUES
-- c1 was with Globex before
('c1', '5f02', '2025-02-01 22:00:00-05'), ('c1', '5f01', '2026-02-01 09:00:00+00'),
('c2', '5f01', '2026-02-01 09:00:00+00'), ('c2', '5f02', '2026-02-01 09:00:00+00'),
('c3', '5f02', '2026-02-01 09:00:00+00'), ('c4', '5f02', '2026-02-01 09:00:00+00'),
('c5', '5f03', '2026-02-01 09:00:00+00');

CREATE TABLE conversations (
    id bigint, company_id text, state text, priority text, source_author_id text, source_author_type text,
    source_delivered_as text, source_subject text, source_body text, conversation_rating_value integer,
    conversation_rating_created_at timestamptz, first_admin_reply_at timestamptz, last_close_at timestamptz,
    created_at timestamptz, updated_at timestamptz, _fivetran_deleted boolean
);
INSERT INTO conversations VALUES
-- closed, opened again, closed again; rated 2, then 5: its versions
(901, NULL, 'closed', 'priority', 'c1', 'user', 'customer_initiated', '', '<p>I <b>hate</b> this bug.</p>', 2,
 '2026-04-03 09:00:00+00', '2026-04-01 08:30:00+00', '2026-04-02 09:00:00+00',
 '2026-04-01 10:00:00+02', '2026-04-03 09:00:00+00', FALSE),
(901, NULL, 'closed', 'priority', 'c1', 'user', 'customer_initiated', '', '<p>I <b>hate</b> this bug.</p>', 5,
 '2026-04-09 09:00:00+00', '2026-04-01 08:30:00+00', '2026-04-08 09:00:00+00',
 '2026-04-01 10:00:00+02', '2026-04-09 09:00:00+00', FALSE),
-- open again; the conversation names one of the two companies of its contact; answered by a bot, then by a person
(902, '5f02', 'open', 'not_priority', 'c2', 'user', 'customer_initiated', 'Help', NULL, NULL,
 NULL, NULL, '2026-05-02 09:00:00+00', '2026-05-01 09:00:00+00', '2026-05-03 09:00:00+00', FALSE),
-- times that only the parts know; the author is nobody known, a participant is
(903, NULL, 'closed', NULL, NULL, NULL, NULL, NULL, '<p>Hello</p>', NULL,
 NULL, NULL, NULL, '2026-05-05 09:00:00+00', '2026-05-30 09:00:00+00', NULL),
-- a campaign, a message of the team, one of a bot: outreach; deleted
(904, NULL, 'closed', NULL, '77', 'admin', 'campaigns_initiated', NULL, 'News', NULL,
 NULL, NULL, NULL, '2026-05-05 09:00:00+00', '2026-05-06 09:00:00+00', FALSE),
(905, NULL, 'open', NULL, '77', 'admin', 'admin_initiated', NULL, 'Shall we meet?', NULL,
 NULL, NULL, NULL, '2026-05-05 09:00:00+00', '2026-05-06 09:00:00+00', FALSE),
(906, NULL, 'open', NULL, '1', 'bot', 'operator_initiated', NULL, 'Welcome', NULL,
 NULL, NULL, NULL, '2026-05-05 09:00:00+00', '2026-05-06 09:00:00+00', FALSE),
(907, NULL, 'open', NULL, 'c1', 'user', 'customer_initiated', NULL, 'Oops', NULL,
 NULL, NULL, NULL, '2026-05-05 09:00:00+00', '2026-05-06 09:00:00+00', TRUE),
-- set aside: of two companies, of none, of a deleted one
(908, NULL, 'open', NULL, 'c2', 'user', 'customer_initiated', NULL, 'Which one?', NULL,
 NULL, NULL, NULL, '2026-05-05 09:00:00+00', '2026-05-06 09:00:00+00', FALSE),
(909, NULL, 'open', NULL, 'c9', 'lead', 'customer_initiated', NULL, 'Who am I?', NULL,
 NULL, NULL, NULL, '2026-05-05 09:00:00+00', '2026-05-06 09:00:00+00', FALSE),
(910, NULL, 'open', NULL, 'c5', 'user', 'customer_initiated', NULL, 'Still there?', NULL,
 NULL, NULL, NULL, '2026-05-05 09:00:00+00', '2026-05-06 09:00:00+00', FALSE);

CREATE TABLE conversation_contacts (conversation_id bigint, contact_id text, conversation_updated_at timestamptz);
INSERT INTO conversation_contacts VALUES
(901, 'c1', '2026-04-09 09:00:00+00'), (903, 'c3', '2026-05-30 09:00:00+00');

CREATE TABLE conversation_parts (
    id bigint, conversation_id bigint, part_type text, author_type text, created_at bigint, updated_at bigint
);
INSERT INTO conversation_parts VALUES
-- 2026-05-01 09:00:05, 09:10:00 and 09:20:00 UTC: a bot, a note, an answer
(1, 902, 'comment', 'bot', 1777626005, 1777626005),
(2, 902, 'note', 'admin', 1777626600, 1777626600),
(3, 902, 'comment', 'admin', 1777627200, 1777627200),
-- 2026-05-06 09:00:00 and 2026-05-07 09:00:00 UTC: closed twice
(4, 903, 'close', 'admin', 1778058000, 1778058000),
(5, 903, 'open', 'user', 1778060000, 1778060000),
(6, 903, 'close', 'admin', 1778144400, 1778144400);
