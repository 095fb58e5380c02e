-- Legacy scores: the company's current health score, for comparison alone.
SELECT
    s.account_id AS account_id,
    s.scored_on AS scored_on,
    s.score AS score,
    s.band AS band
FROM legacy_scores AS s
