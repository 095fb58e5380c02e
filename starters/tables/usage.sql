-- Usage: rows of use, added up per account, day, user and feature.
--
-- Decision: a row without a count is one event, so that a log of events or logins is counted.
-- Decision: days are those of UTC. A feature is written in small letters with `_`.
-- Decision: where the source says when it received an event, a row is known from its last one.
WITH used AS (
    SELECT
        CAST(u.account_id AS VARCHAR) AS account_id,
        CAST(CAST(u.day AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS DATE) AS day,
        CAST(u.user_id AS VARCHAR) AS user_id,
        LOWER(REPLACE(TRIM(CAST(u.feature AS VARCHAR)), ' ', '_')) AS feature,
        CASE WHEN u.day IS NOT NULL THEN COALESCE(CAST(u.events AS BIGINT), 1) END AS events,
        COALESCE(CAST(u.minutes AS DOUBLE PRECISION), CAST(u.seconds AS DOUBLE PRECISION) / 60) AS minutes,
        CAST(u.received_at AS TIMESTAMPTZ) AS received_at,
        CASE WHEN u.account_id IS NULL THEN 'no_account' END AS quarantine_reason
    FROM usage AS u
    -- Tests and robots are no use of the product.
    WHERE
        COALESCE(CAST(u.is_test AS BOOLEAN), FALSE) = FALSE
        AND COALESCE(CAST(u.is_bot AS BOOLEAN), FALSE) = FALSE
)
SELECT
    r.account_id AS account_id,
    r.day AS day,
    r.user_id AS user_id,
    r.feature AS feature,
    SUM(r.events) AS events,
    SUM(r.minutes) AS minutes,
    MAX(r.received_at) AS known_at,
    r.quarantine_reason AS quarantine_reason
FROM used AS r
GROUP BY r.account_id, r.day, r.user_id, r.feature, r.quarantine_reason
