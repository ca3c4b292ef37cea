-- The grant names its approval; scope, digest of the request and end must fit.
WITH granted AS (
  SELECT e.entry, e.event_at, g.value AS grant_id, e.subject_id, COALESCE(e.resource_id, '') AS resource_id, e.approval_id, e.approval_valid_until AS until_at,
         MAX(CASE WHEN l.name = 'permission' THEN l.value END) AS permission,
         MAX(CASE WHEN l.name = 'request_digest' THEN l.value END) AS digest
  FROM entries e
  JOIN labels g ON g.entry = e.entry AND g.name = 'grant'
  LEFT JOIN labels l ON l.entry = e.entry AND l.name IN ('permission', 'request_digest')
  WHERE e.kind = 'lifecycle' AND e.action = 'access.grant' AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.event_at >= $from AND e.event_at < $to
  GROUP BY e.entry, e.event_at, g.value, e.subject_id, COALESCE(e.resource_id, ''), e.approval_id, e.approval_valid_until
),
given AS (
  SELECT e.entry, e.event_at, e.approval_id, e.approval_request AS request, e.subject_id, COALESCE(e.resource_id, '') AS resource_id, e.approval_valid_until AS until_at,
         MAX(CASE WHEN l.name = 'permission' THEN l.value END) AS permission,
         MAX(CASE WHEN l.name = 'request_digest' THEN l.value END) AS digest,
         ROW_NUMBER() OVER (PARTITION BY e.approval_id ORDER BY e.event_at, e.entry) AS n
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name IN ('permission', 'request_digest')
  WHERE e.kind = 'approval' AND e.approval_decision = 'granted' AND e.approval_id IS NOT NULL AND e.outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY e.entry, e.event_at, e.approval_id, e.approval_request, e.subject_id, COALESCE(e.resource_id, ''), e.approval_valid_until
),
asked AS (
  SELECT e.approval_request AS request, e.entry, e.event_at, l.value AS digest,
         ROW_NUMBER() OVER (PARTITION BY e.approval_request ORDER BY e.event_at DESC, e.entry DESC) AS n
  FROM entries e
  JOIN labels l ON l.entry = e.entry AND l.name = 'request_digest'
  WHERE e.kind = 'lifecycle' AND e.action = 'access.request' AND e.approval_request IS NOT NULL
),
known AS (
  SELECT COUNT(*) AS n FROM given
),
judged AS (
  SELECT r.entry, r.event_at, r.grant_id, r.subject_id, r.approval_id, k.n AS approvals_known, a.entry AS approval_entry, r.event_at - a.event_at AS ahead,
         CASE WHEN k.n = 0 THEN ''
              WHEN r.approval_id IS NULL THEN ' it names no approval,'
              WHEN a.approval_id IS NULL THEN ' no entry gives the approval ' || r.approval_id || ',' ELSE '' END
         || CASE WHEN a.event_at > r.event_at THEN ' it was approved only afterwards,' ELSE '' END
         || CASE WHEN a.subject_id <> r.subject_id THEN ' the approval is for ' || a.subject_id || ',' ELSE '' END
         || CASE WHEN a.resource_id <> r.resource_id THEN ' the approval is for another resource,' ELSE '' END
         || CASE WHEN a.permission <> r.permission THEN ' the approval is for the permission ' || a.permission || ',' ELSE '' END
         || CASE WHEN a.digest <> r.digest OR q.digest <> r.digest THEN ' the request was changed after it was approved,' ELSE '' END
         || CASE WHEN a.until_at IS NOT NULL AND (r.until_at IS NULL OR r.until_at > a.until_at) THEN ' it runs longer than was approved,' ELSE '' END AS faults,
         CASE WHEN k.n = 0 OR a.approval_id IS NOT NULL AND (r.permission IS NULL OR a.permission IS NULL) THEN 1 ELSE 0 END AS gaps
  FROM granted r
  CROSS JOIN known k
  LEFT JOIN given a ON a.approval_id = r.approval_id AND a.n = 1
  LEFT JOIN asked q ON q.request = a.request AND q.n = 1 AND q.event_at <= r.event_at
)
SELECT subject_id AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN gaps = 1 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN faults <> '' THEN 'Grant ' || grant_id || ' was made although' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
            WHEN approvals_known = 0 THEN 'The ledger holds no approvals, so whether grant ' || grant_id || ' was approved cannot be told.'
            WHEN gaps = 1 THEN 'Grant ' || grant_id || ' or its approval does not name the permission.'
            ELSE 'Grant ' || grant_id || ' follows its approval after ' || CAST(CAST((ahead - ahead % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes, within its scope.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(approval_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY subject_id, entry
