-- Zendesk Support as loaders land it: tables of the API, with the history and the tags that only some of them bring.
CREATE TABLE organizations (
    id bigint, name text, external_id text, created_at timestamptz, updated_at timestamptz, _fivetran_deleted boolean
);
INSERT INTO organizations VALUES
(360001, 'Acme', '001A', '2025-01-10 08:00:00+00', '2026-05-01 08:00:00+00', FALSE),
(360002, 'Globex', '001B', '2025-02-01 08:00:00+00', '2026-05-01 08:00:00+00', NULL),
-- merged into Globex, so deleted; a closed ticket still names it
(360003, 'Globex Inc (old)', NULL, '2025-02-01 08:00:00+00', '2026-05-01 08:00:00+00', TRUE);

CREATE TABLE users (
    id bigint, organization_id bigint, role text, active boolean, suspended boolean,
    created_at timestamptz, updated_at timestamptz
);
INSERT INTO users VALUES
(11, 360001, 'end-user', TRUE, FALSE, '2025-01-11 09:00:00+00', '2026-01-01 00:00:00+00'),
-- created late in the evening of Feb 1 in New York: Feb 2 in UTC; deleted on March 3
(12, 360002, 'end-user', FALSE, FALSE, '2025-02-01 22:30:00-05', '2026-03-03 12:00:00+00'),
-- of a deleted organization
(13, 360003, 'end-user', TRUE, FALSE, '2025-02-03 09:00:00+00', '2026-01-01 00:00:00+00'),
-- suspended: a spammer
(14, 360001, 'end-user', TRUE, TRUE, '2026-02-01 09:00:00+00', '2026-02-01 09:00:00+00'),
-- without an organization
(15, NULL, 'end-user', TRUE, FALSE, '2026-02-01 09:00:00+00', '2026-02-01 09:00:00+00'),
-- the team
(91, NULL, 'agent', TRUE, FALSE, '2025-01-01 09:00:00+00', '2026-02-01 09:00:00+00'),
(92, 360001, 'admin', TRUE, FALSE, '2025-01-01 09:00:00+00', '2026-02-01 09:00:00+00');

CREATE TABLE tickets (
    id bigint, organization_id bigint, requester_id bigint, subject text, description text, status text, priority text,
    tags text, satisfaction_rating_score text, created_at timestamptz, updated_at timestamptz, _fivetran_deleted boolean
);
INSERT INTO tickets VALUES
-- opened with normal, raised to urgent, lowered to high today; reopened; rated bad, then good
(1, 360001, 11, 'Export broken', '<p>The export is broken.</p>', 'closed', 'high', '["export"]', 'good',
 '2026-03-01 09:00:00+01', '2026-03-20 09:00:00+00', FALSE),
-- opened with urgent, and open again today after it was solved once
(2, 360002, 12, 'Login fails', 'Nobody can log in.', 'open', 'urgent', '[]', 'offered',
 '2026-05-20 10:00:00+00', '2026-05-28 10:00:00+00', FALSE),
-- no history, no metrics: closed at its last change; no organization of its own, so that of the requester; no priority
(3, NULL, 11, 'Question', NULL, 'solved', NULL, NULL, '{"score": "good", "comment": "not bad"}',
 '2026-04-01 10:00:00+00', '2026-04-03 10:00:00+00', NULL),
-- solved at a time that only the history knows
(4, 360001, 11, NULL, 'Thanks for the great help!', 'closed', 'low', '[]', NULL,
 '2026-04-10 10:00:00+00', '2026-04-30 10:00:00+00', FALSE),
-- merged into 1: by its tag in the list, and (6) by its tag in the table of tags
(5, 360001, 11, 'Export broken', 'Again', 'closed', 'normal', '["closed_by_merge", "export"]', NULL,
 '2026-03-02 09:00:00+00', '2026-03-02 10:00:00+00', FALSE),
(6, 360001, 11, 'Export broken', 'Again!', 'closed', 'normal', NULL, NULL,
 '2026-03-02 11:00:00+00', '2026-03-02 12:00:00+00', FALSE),
-- deleted, by status and by the loader's mark; spam that the team tagged
(7, 360001, 14, 'Cheap watches', 'Buy now', 'deleted', NULL, '[]', NULL,
 '2026-03-05 09:00:00+00', '2026-03-05 10:00:00+00', FALSE),
(8, 360001, 11, 'Oops', 'Deleted', 'open', NULL, '[]', NULL,
 '2026-03-05 09:00:00+00', '2026-03-05 10:00:00+00', TRUE),
(9, 360001, 14, 'Cheap watches', 'Buy now', 'closed', NULL, '["spam"]', NULL,
 '2026-03-06 09:00:00+00', '2026-03-06 10:00:00+00', FALSE),
-- nobody's ticket, and one of a deleted organization: set aside
(10, NULL, 15, 'Hello', 'Who are you?', 'open', 'low', '[]', NULL,
 '2026-05-01 09:00:00+00', '2026-05-01 10:00:00+00', FALSE),
(11, 360003, 13, 'Old', 'Old ticket', 'closed', 'low', '[]', NULL,
 '2025-06-01 09:00:00+00', '2025-06-03 10:00:00+00', FALSE);

CREATE TABLE ticket_metrics (
    ticket_id bigint, solved_at timestamptz, first_reply_at timestamptz, reply_time_in_minutes_calendar integer, reopens integer
);
INSERT INTO ticket_metrics VALUES
(1, '2026-03-12 16:00:00+00', NULL, 30, 1),
-- solved once, open again
(2, '2026-05-25 10:00:00+00', NULL, 90, 1),
-- the instant of the first reply
(4, NULL, '2026-04-10 12:00:00+00', NULL, 0);

CREATE TABLE ticket_field_history (ticket_id bigint, field_name text, value text, updated timestamptz, user_id bigint);
INSERT INTO ticket_field_history VALUES
(1, 'priority', 'normal', '2026-03-01 08:00:00+00', 11),
(1, 'priority', 'urgent', '2026-03-02 14:00:00+00', 91),
(1, 'priority', 'high', '2026-03-03 14:00:00+00', 91),
(1, 'status', 'solved', '2026-03-08 10:00:00+00', 91),
(1, 'status', 'open', '2026-03-09 10:00:00+00', 11),
(1, 'status', 'solved', '2026-03-12 16:00:00+00', 91),
(1, 'status', 'closed', '2026-03-16 16:00:00+00', NULL),
(2, 'priority', 'urgent', '2026-05-20 10:00:00+00', 12),
(2, 'status', 'solved', '2026-05-25 10:00:00+00', 91),
(2, 'status', 'open', '2026-05-26 10:00:00+00', 12),
(4, 'priority', 'low', '2026-04-10 10:00:00+00', 11),
(4, 'status', 'solved', '2026-04-12 18:00:00+00', 91),
(4, 'status', 'closed', '2026-04-16 18:00:00+00', NULL);

CREATE TABLE ticket_tags (ticket_id bigint, tag text);
INSERT INTO ticket_tags VALUES (1, 'export'), (6, 'closed_by_merge'), (6, 'export');

CREATE TABLE ticket_comments (
    id bigint, ticket_id bigint, author_id bigint, public boolean, body text, created_at timestamptz
);
INSERT INTO ticket_comments VALUES
-- the message itself, what a trigger wrote, an internal note, the customer again, then the answer, then another
(101, 1, 11, TRUE, '<p>The export is broken.</p>', '2026-03-01 08:00:00+00'),
(102, 1, -1, TRUE, 'We have received your request.', '2026-03-01 08:00:05+00'),
(103, 1, 91, FALSE, 'Looks like the old bug', '2026-03-01 08:10:00+00'),
(104, 1, 11, TRUE, 'Hello?', '2026-03-01 08:20:00+00'),
(105, 1, 91, TRUE, 'We are looking into it.', '2026-03-01 08:30:00+00'),
(106, 1, 91, TRUE, 'Solved.', '2026-03-08 10:00:00+00'),
-- a colleague of the requester is no agent: the minutes of the metrics count (90)
(201, 2, 11, TRUE, 'For me as well', '2026-05-20 10:05:00+00');

CREATE TABLE satisfaction_ratings (id bigint, ticket_id bigint, score text, created_at timestamptz, updated_at timestamptz);
INSERT INTO satisfaction_ratings VALUES
(501, 1, 'offered', '2026-03-09 00:00:00+00', '2026-03-09 00:00:00+00'),
(502, 1, 'bad', '2026-03-10 07:00:00+00', '2026-03-10 07:00:00+00'),
(503, 1, 'good', '2026-03-10 07:00:00+00', '2026-03-13 07:00:00+00'),
(504, 2, 'offered', '2026-05-26 00:00:00+00', '2026-05-26 00:00:00+00'),
(505, 4, 'bad_with_comment', '2026-04-14 12:00:00+02', NULL);

-- What some loaders have besides: the instant of the deletion, and marks of it in more tables.
ALTER TABLE organizations ADD COLUMN deleted_at timestamptz;
ALTER TABLE users ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE tickets ADD COLUMN deleted_at timestamptz;
ALTER TABLE ticket_tags ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
ALTER TABLE ticket_comments ADD COLUMN _fivetran_deleted boolean DEFAULT FALSE;
INSERT INTO organizations VALUES
(360004, 'Test', NULL, '2025-02-01 08:00:00+00', '2026-05-01 08:00:00+00', FALSE, '2026-05-01 08:00:00+00');
INSERT INTO tickets VALUES
(12, 360001, 11, 'Oops', 'Deleted', 'open', NULL, '[]', NULL, '2026-03-05 09:00:00+00', '2026-03-05 10:00:00+00', FALSE,
 '2026-03-06 09:00:00+00');
INSERT INTO ticket_tags VALUES (2, 'spam', TRUE); -- taken off again
INSERT INTO ticket_comments VALUES (107, 1, 91, TRUE, 'Oops', '2026-03-01 08:25:00+00', TRUE);
