-- Surveys: answers to NPS surveys, 0 to 10, for the company of the contact who answered.
--
-- Decision: satisfaction (CSAT) and effort (CES) surveys have other scales and are left out.
SELECT
    f.id AS survey_id,
    p.property_associatedcompanyid AS account_id,
    f.property_hs_submission_timestamp AS answered_at,
    f.property_hs_value AS score,
    f.property_hs_content AS comment
FROM feedback_submission AS f
JOIN contact AS p ON CAST(p.id AS VARCHAR) = CAST(f.property_hs_contact_id AS VARCHAR)
LEFT JOIN company AS k ON CAST(k.id AS VARCHAR) = CAST(p.property_associatedcompanyid AS VARCHAR)
WHERE COALESCE(CAST(k.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(k._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
    AND UPPER(CAST(f.property_hs_survey_type AS VARCHAR)) = 'NPS'
    AND COALESCE(CAST(f.is_deleted AS BOOLEAN), FALSE) = FALSE
    AND COALESCE(CAST(f._fivetran_deleted AS BOOLEAN), FALSE) = FALSE
    AND p.property_associatedcompanyid IS NOT NULL
