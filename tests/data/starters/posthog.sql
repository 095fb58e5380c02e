-- PostHog as it exports: properties are JSON. Downloads have columns of their own for some (group_0); one export has only
-- one of both, and here the rows differ.
CREATE TABLE groups (
    group_type_index integer, group_key text, name text, industry text, group_properties text, created_at timestamptz
);
INSERT INTO groups VALUES
(0, 'acme', NULL, NULL, '{"name": "Acme", "industry": "Retail"}', '2026-01-01 09:00:00+00'),
(0, 'globex', 'Globex', NULL, NULL, '2026-01-01 09:00:00+00'),
-- another type of group: projects
(1, 'project-7', NULL, NULL, '{"name": "Project 7"}', '2026-01-01 09:00:00+00');

CREATE TABLE events (
    uuid uuid, event text, distinct_id text, person_id uuid, group_0 text, properties json, timestamp timestamptz,
    created_at timestamptz
);
INSERT INTO events VALUES
-- a group in the properties, twice on one day, the second stored twice
('00000000-0000-0000-0000-000000000001', 'Report Exported', 'ann', '00000000-0000-0000-0000-0000000000a1', NULL,
 '{"$group_0": "acme", "$is_identified": true, "$set": {"plan": "pro"}}',
 '2026-05-04 09:00:00+00', '2026-05-04 09:00:01+00'),
('00000000-0000-0000-0000-000000000002', 'Report Exported', 'ann', '00000000-0000-0000-0000-0000000000a1', NULL,
 '{"$group_0": "acme", "$is_identified": true}', '2026-05-04 10:00:00+00', '2026-05-04 10:00:01+00'),
('00000000-0000-0000-0000-000000000002', 'Report Exported', 'ann', '00000000-0000-0000-0000-0000000000a1', NULL,
 '{"$group_0": "acme", "$is_identified": true}', '2026-05-04 10:00:00+00', '2026-05-04 10:00:01+00'),
-- a group in its column; 22:00 in New York is the next day in UTC; no person: the distinct id
('00000000-0000-0000-0000-000000000003', '$pageview', 'bob', NULL, 'globex', '{}',
 '2026-05-05 22:00:00-04', '2026-05-05 22:00:01-04'),
-- a phone without a network: stored a week later
('00000000-0000-0000-0000-000000000004', 'report_viewed', 'bob', NULL, 'globex', NULL,
 '2026-05-07 09:00:00+00', '2026-05-14 09:00:00+00'),
-- an anonymous visitor in an account; one in none
('00000000-0000-0000-0000-000000000005', '$pageview', '0190-anonymous', NULL, NULL,
 '{"$group_0": "acme", "$is_identified": false}', '2026-05-08 09:00:00+00', '2026-05-08 09:00:01+00'),
('00000000-0000-0000-0000-000000000006', '$pageview', '0191-anonymous', NULL, NULL, '{"$is_identified": false}',
 '2026-05-08 09:00:00+00', '2026-05-08 09:00:01+00'),
-- PostHog's own events; a robot; a developer's machine
('00000000-0000-0000-0000-000000000007', '$groupidentify', 'ann', NULL, 'acme', '{}',
 '2026-05-08 09:00:00+00', '2026-05-08 09:00:01+00'),
('00000000-0000-0000-0000-000000000008', '$pageview', 'ann', NULL, 'acme', '{"$raw_user_agent": "Googlebot/2.1"}',
 '2026-05-08 09:00:00+00', '2026-05-08 09:00:01+00'),
('00000000-0000-0000-0000-000000000009', '$pageview', 'ann', NULL, 'acme', '{"$host": "localhost:3000"}',
 '2026-05-08 09:00:00+00', '2026-05-08 09:00:01+00'),
-- set aside: a user of no group; a clock that is three years ahead
('00000000-0000-0000-0000-000000000010', '$pageview', 'dan', NULL, NULL, '{"$is_identified": true}',
 '2026-05-08 09:00:00+00', '2026-05-08 09:00:01+00'),
('00000000-0000-0000-0000-000000000011', '$pageview', 'bob', NULL, 'globex', '{}',
 '2029-05-08 09:00:00+00', '2026-05-08 09:00:01+00'),
('00000000-0000-0000-0000-000000000012', '$autocapture', 'bob', NULL, 'globex', '{}',
 '2026-05-31 09:00:00+00', '2026-05-31 09:00:01+00');
