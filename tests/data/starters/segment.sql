-- A source's schema as Segment writes it: one table per kind of call. Ids are texts, names are snake_case.
CREATE TABLE groups (
    id text, user_id text, anonymous_id text, group_id text, name text, industry text,
    timestamp timestamptz, received_at timestamptz
);
INSERT INTO groups VALUES
('g1', 'ann', 'a1', 'acme', 'Acme', 'Retail', '2026-05-01 09:00:10+00', '2026-05-01 09:00:12+00'),
-- a later call without traits takes no name away; one with a new name gives it
('g2', 'ann', 'a1', 'acme', NULL, NULL, '2026-05-10 09:00:00+00', '2026-05-10 09:00:01+00'),
('g3', 'bob', 'b1', 'globex', 'Globex', NULL, '2026-05-02 09:00:00+00', '2026-05-02 09:00:01+00'),
('g4', 'bob', 'b1', 'globex', 'Globex AG', NULL, '2026-05-20 09:00:00+00', '2026-05-20 09:00:01+00'),
-- a consultant changes from one account to the other on May 15
('g5', 'cleo', 'c1', 'acme', NULL, NULL, '2026-05-03 09:00:00+00', '2026-05-03 09:00:01+00'),
('g6', 'cleo', 'c1', 'globex', NULL, NULL, '2026-05-15 12:00:00+00', '2026-05-15 12:00:01+00');

CREATE TABLE tracks (
    id text, user_id text, anonymous_id text, event text, event_text text, context_group_id text,
    context_user_agent text, timestamp timestamptz, received_at timestamptz
);
INSERT INTO tracks VALUES
-- ten seconds before the first group call: belongs to that group
('t1', 'ann', 'a1', 'signed_up', 'Signed Up', NULL, 'Mozilla/5.0', '2026-05-01 09:00:00+00', '2026-05-01 09:00:02+00'),
-- twice on one day, and a retry of the second with the same id
('t2', 'ann', 'a1', 'report_exported', 'Report Exported', NULL, 'Mozilla/5.0',
 '2026-05-04 09:00:00+00', '2026-05-04 09:00:01+00'),
('t3', 'ann', 'a1', 'report_exported', 'Report Exported', NULL, 'Mozilla/5.0',
 '2026-05-04 10:00:00+00', '2026-05-04 10:00:01+00'),
('t3', 'ann', 'a1', 'report_exported', 'Report Exported', NULL, 'Mozilla/5.0',
 '2026-05-04 10:00:00+00', '2026-05-04 10:05:00+00'),
-- late in the evening of May 5 in New York: May 6 in UTC
('t4', 'ann', 'a1', 'report_exported', 'Report Exported', NULL, 'Mozilla/5.0',
 '2026-05-05 22:00:00-04', '2026-05-05 22:00:01-04'),
-- a phone without a network: received a week later
('t5', 'bob', 'b1', 'report_viewed', 'Report Viewed', NULL, 'Mozilla/5.0 (iPhone)',
 '2026-05-07 09:00:00+00', '2026-05-14 09:00:00+00'),
-- before and after the change of account
('t6', 'cleo', 'c1', 'report_viewed', 'Report Viewed', NULL, NULL, '2026-05-15 11:00:00+00', '2026-05-15 11:00:01+00'),
('t7', 'cleo', 'c1', 'report_viewed', 'Report Viewed', NULL, NULL, '2026-05-15 13:00:00+00', '2026-05-15 13:00:01+00'),
-- the event itself names the group; a server, without a user, names one as well
('t8', 'cleo', 'c1', 'report_viewed', 'Report Viewed', 'acme', NULL, '2026-05-16 13:00:00+00', '2026-05-16 13:00:01+00'),
('t9', NULL, 's1', 'import_finished', 'Import Finished', 'acme', NULL,
 '2026-05-17 13:00:00+00', '2026-05-17 13:00:01+00'),
-- an anonymous visitor; a robot; a mail that was opened: no use of the product
('t10', NULL, 'x1', 'report_viewed', 'Report Viewed', NULL, NULL, '2026-05-08 13:00:00+00', '2026-05-08 13:00:01+00'),
('t11', 'ann', 'a1', 'report_viewed', 'Report Viewed', NULL, 'Googlebot/2.1',
 '2026-05-08 13:00:00+00', '2026-05-08 13:00:01+00'),
('t12', 'ann', 'a1', 'email_opened', 'Email Opened', NULL, NULL, '2026-05-08 13:00:00+00', '2026-05-08 13:00:01+00'),
-- a known user of no group; a clock that is three years ahead: set aside
('t13', 'dan', 'd1', 'report_viewed', 'Report Viewed', NULL, NULL, '2026-05-08 13:00:00+00', '2026-05-08 13:00:01+00'),
('t14', 'bob', 'b1', 'report_viewed', 'Report Viewed', NULL, NULL, '2029-05-08 13:00:00+00', '2026-05-08 13:00:01+00');

CREATE TABLE pages (
    id text, user_id text, anonymous_id text, name text, context_group_id text, context_user_agent text,
    timestamp timestamptz, received_at timestamptz
);
INSERT INTO pages VALUES
('p1', 'bob', 'b1', 'Team Settings', NULL, NULL, '2026-05-21 09:00:00+00', '2026-05-21 09:00:01+00'),
('p2', 'bob', 'b1', NULL, NULL, NULL, '2026-05-31 09:00:00+00', '2026-05-31 09:00:01+00'),
('p3', NULL, 'x1', 'Pricing', NULL, NULL, '2026-05-21 09:00:00+00', '2026-05-21 09:00:01+00');
