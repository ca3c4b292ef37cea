-- The act names its approval; the digest of what was approved must be that of what was done.
WITH acts AS (
  SELECT e.entry, e.event_at, e.subject_id, e.action, e.approval_id, d.value AS digest
  FROM labels i
  JOIN entries e ON e.entry = i.entry
  LEFT JOIN labels d ON d.entry = i.entry AND d.name = 'request_digest'
  WHERE i.name = 'impact' AND i.value = 'high' AND e.kind = 'decision' AND e.outcome IN ('allow', 'success') AND e.subject_type = 'agent'
    AND e.event_at >= $from AND e.event_at < $to
),
given AS (
  SELECT e.approval_id, e.entry, e.event_at, e.actor_type, COALESCE(e.approval_approver, e.actor_id) AS approver, e.approval_valid_until AS until_at, d.value AS digest,
         ROW_NUMBER() OVER (PARTITION BY e.approval_id ORDER BY e.event_at, e.entry) AS n
  FROM entries e
  LEFT JOIN labels d ON d.entry = e.entry AND d.name = 'request_digest'
  WHERE e.kind = 'approval' AND e.approval_decision = 'granted' AND e.approval_id IS NOT NULL AND e.outcome NOT IN ('deny', 'failure', 'error')
),
known AS (
  SELECT COUNT(*) AS n FROM given
),
judged AS (
  SELECT a.entry, a.event_at, a.subject_id, a.action, g.entry AS approval_entry, g.approver,
         CASE WHEN k.n = 0 THEN ''
              WHEN a.approval_id IS NULL THEN ' it names no approval,'
              WHEN g.approval_id IS NULL THEN ' no entry gives the approval ' || a.approval_id || ',' ELSE '' END
         || CASE WHEN g.actor_type NOT IN ('human', 'unknown') THEN ' ' || g.approver || ', who approved it, is no person,' ELSE '' END
         || CASE WHEN g.event_at > a.event_at THEN ' it was approved only afterwards,' ELSE '' END
         || CASE WHEN g.until_at < a.event_at THEN ' the approval had run out,' ELSE '' END
         || CASE WHEN g.digest <> a.digest THEN ' something else was approved,' ELSE '' END AS faults,
         CASE WHEN k.n = 0 OR a.digest IS NULL OR g.approval_id IS NOT NULL AND (g.digest IS NULL OR COALESCE(g.actor_type, 'unknown') = 'unknown') THEN 1 ELSE 0 END AS gaps
  FROM acts a
  CROSS JOIN known k
  LEFT JOIN given g ON g.approval_id = a.approval_id AND g.n = 1
)
SELECT subject_id AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN gaps = 1 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN faults <> '' THEN 'It did ' || COALESCE(action, 'something of high impact') || ' although' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
            WHEN gaps = 1 THEN 'What exactly was done or approved, or who approved it, is not recorded.'
            ELSE 'It did ' || COALESCE(action, 'something of high impact') || ' after ' || approver || ' had approved exactly that.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(approval_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY entry
