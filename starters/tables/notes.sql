-- Notes: dated context from a person.
SELECT
    n.note_id AS note_id,
    n.account_id AS account_id,
    n.noted_at AS noted_at,
    -- One of merger, budget freeze, season and other.
    LOWER(CAST(n.kind AS VARCHAR)) AS kind,
    n.note AS note,
    n.expires_on AS expires_on,
    CASE WHEN n.account_id IS NULL THEN 'no_account' END AS quarantine_reason
FROM notes AS n
