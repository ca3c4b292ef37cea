-- What an entry must say depends on its kind; a sealed value counts as said.
WITH granted AS (
  SELECT entry FROM labels WHERE name = 'grant' GROUP BY entry
),
read_entries AS (
  SELECT e.entry, e.kind, e.event_at,
         CASE WHEN e.occurred_at IS NULL THEN ' when it happened,' ELSE '' END
         || CASE WHEN e.outcome = 'unknown' THEN ' how it ended,' ELSE '' END
         || CASE WHEN e.kind = 'decision' AND e.action IS NULL THEN ' what was asked for,'
                 WHEN e.kind = 'policy' AND e.action IS NULL THEN ' what happened to the policy,'
                 WHEN e.kind = 'lifecycle' AND e.lifecycle_verb IS NULL AND e.action IS NULL THEN ' what was done,'
                 WHEN e.kind = 'exception' AND e.exception_verb IS NULL THEN ' what happened to the exception,'
                 WHEN e.kind = 'elevation' AND e.elevation_verb IS NULL THEN ' what happened to the elevation,'
                 WHEN e.kind = 'approval' AND e.approval_decision IS NULL THEN ' the answer,'
                 WHEN e.kind = 'ownership' AND e.ownership_role IS NULL THEN ' the role,'
                 ELSE '' END
         || CASE WHEN e.resource_id IS NOT NULL OR e.resource_type IS NOT NULL OR e.resource_account IS NOT NULL THEN ''
                 WHEN e.kind = 'decision' THEN ' which resource,'
                 WHEN e.kind IN ('issuance', 'rotation') AND e.credential_id IS NULL THEN ' which credential,'
                 WHEN e.kind = 'revocation' AND e.credential_id IS NULL AND e.correlation_session IS NULL AND g.entry IS NULL
                 THEN ' what was withdrawn,'
                 WHEN e.kind = 'approval' AND e.approval_id IS NULL AND e.approval_request IS NULL THEN ' which request,'
                 WHEN e.kind = 'exception' AND e.exception_id IS NULL THEN ' which exception,'
                 WHEN e.kind = 'elevation' AND e.elevation_id IS NULL THEN ' which elevation,'
                 WHEN e.kind = 'review' AND e.review_id IS NULL AND e.review_scope IS NULL THEN ' what was reviewed,'
                 WHEN e.kind = 'policy' AND e.policy_id IS NULL THEN ' which policy,'
                 WHEN e.kind = 'attestation' AND e.attestation_control IS NULL THEN ' which control,'
                 ELSE '' END
         || CASE WHEN e.kind = 'ownership' AND e.ownership_owner IS NULL AND e.ownership_domain IS NULL THEN ' who for what,' ELSE '' END AS missing
  FROM entries e
  LEFT JOIN granted g ON g.entry = e.entry
  WHERE e.event_at >= $from AND e.event_at < $to
)
SELECT 'entry ' || CAST(entry AS VARCHAR) AS subject,
       CASE WHEN missing = '' THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN missing = '' THEN 'This ' || kind || ' says all that its kind must say.'
            ELSE 'This ' || kind || ' does not say' || SUBSTR(missing, 1, LENGTH(missing) - 1) || '.' END AS reason,
       entry AS entries,
       event_at AS at
FROM read_entries
ORDER BY entry
