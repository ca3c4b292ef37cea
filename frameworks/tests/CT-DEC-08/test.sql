-- The approval is found by the id that the publication names, else by the digest of the text.
WITH published AS (
  SELECT entry, event_at, policy_id, policy_version, policy_digest, approval_id,
         subject_id AS author, COALESCE(approval_requester, subject_id) AS asked_by
  FROM entries
  WHERE kind = 'policy' AND COALESCE(action, '') <> 'policy.retire' AND outcome NOT IN ('deny', 'failure', 'error')
    AND event_at >= $from AND event_at < $to
),
given AS (
  SELECT entry, event_at, approval_id, policy_digest, policy_id, COALESCE(approval_approver, actor_id) AS approver
  FROM entries
  WHERE kind = 'approval' AND approval_decision = 'granted' AND outcome NOT IN ('deny', 'failure', 'error')
),
known AS (
  SELECT COUNT(*) AS n FROM given
),
matched AS (
  SELECT p.entry, p.event_at, k.n AS approvals_known, p.policy_id, p.policy_version, p.policy_digest, p.approval_id, p.author, p.asked_by,
         g.entry AS approval_entry, g.event_at AS approved_at, g.approver, g.policy_digest AS approved_digest,
         ROW_NUMBER() OVER (PARTITION BY p.entry ORDER BY g.event_at, g.entry) AS n
  FROM published p
  CROSS JOIN known k
  LEFT JOIN given g ON g.approval_id = p.approval_id
    OR p.approval_id IS NULL AND g.policy_digest = p.policy_digest AND g.policy_id = p.policy_id
),
judged AS (
  SELECT entry, event_at, policy_id, policy_version, approval_entry, approver, event_at - approved_at AS ahead,
         CASE WHEN approval_entry IS NULL AND approvals_known > 0 THEN ' no entry approves it,' ELSE '' END
         || CASE WHEN approver IN (author, asked_by) THEN ' ' || approver || ' both wrote and approved it,' ELSE '' END
         || CASE WHEN approved_at > event_at THEN ' it was approved only afterwards,' ELSE '' END
         || CASE WHEN approved_digest <> policy_digest THEN ' another text was approved,' ELSE '' END AS faults,
         CASE WHEN policy_digest IS NULL OR approval_entry IS NULL OR (approved_digest IS NULL OR approver IS NULL) THEN 1 ELSE 0 END AS gaps
  FROM matched
  WHERE n = 1
)
SELECT COALESCE(policy_id, 'entry ' || CAST(entry AS VARCHAR)) AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN gaps = 1 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN faults <> '' THEN 'Version ' || COALESCE(policy_version, 'without number') || ' went into force although' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
            WHEN gaps = 1 THEN 'Approval, digest or approver of version ' || COALESCE(policy_version, 'without number') || ' is not recorded.'
            ELSE 'Version ' || COALESCE(policy_version, 'without number') || ' was approved by ' || approver || ', '
                 || CAST(CAST((ahead - ahead % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours before it went into force, with the same text.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(approval_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY subject, entry
