-- Advocacy: references, reviews, referrals and case studies that customers gave. An outcome, never a feature.
--
-- Decision: what has no id is known by its account, kind and day.
SELECT
    COALESCE(
        CAST(a.advocacy_id AS VARCHAR),
        CAST(a.account_id AS VARCHAR) || '|' || CAST(a.kind AS VARCHAR) || '|' || CAST(a.given_on AS VARCHAR)
    ) AS advocacy_id,
    a.account_id AS account_id,
    a.given_on AS given_on,
    -- One of reference, review, referral and case study.
    LOWER(CAST(a.kind AS VARCHAR)) AS kind,
    -- Stars of a review, 1 to 5.
    a.rating AS rating,
    CASE WHEN a.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM advocacy AS a
