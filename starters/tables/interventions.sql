-- Interventions: work that the team did for an account.
SELECT
    w.intervention_id AS intervention_id,
    w.account_id AS account_id,
    w.started_at AS started_at,
    -- One of technical fix, training, support, executive and commercial: translate your own words.
    LOWER(CAST(w.kind AS VARCHAR)) AS kind,
    w.root_cause AS root_cause,
    CASE WHEN w.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM interventions AS w
