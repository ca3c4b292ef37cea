-- The digest must be that of the newest version of the request before the approval. Approvals in quick succession are listed, not judged.
WITH given AS (
  SELECT e.entry, e.event_at, e.approval_id, e.approval_request AS request, e.reason, COALESCE(e.approval_approver, e.actor_id) AS approver,
         MAX(CASE WHEN l.name = 'ticket' THEN l.value END) AS ticket,
         MAX(CASE WHEN l.name = 'request_digest' THEN l.value END) AS digest
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name IN ('ticket', 'request_digest')
  WHERE e.kind = 'approval' AND e.approval_decision = 'granted' AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.event_at >= $from AND e.event_at < $to
  GROUP BY e.entry, e.event_at, e.approval_id, e.approval_request, e.reason, COALESCE(e.approval_approver, e.actor_id)
),
paced AS (
  SELECT entry, event_at, approval_id, request, reason, ticket, digest, approver,
         event_at - LAG(event_at) OVER (PARTITION BY approver ORDER BY event_at, entry) AS pause
  FROM given
),
asked AS (
  SELECT g.entry, q.entry AS request_entry, l.value AS digest,
         ROW_NUMBER() OVER (PARTITION BY g.entry ORDER BY q.event_at DESC, q.entry DESC) AS n
  FROM given g
  JOIN entries q ON q.approval_request = g.request AND q.kind = 'lifecycle' AND q.action = 'access.request' AND q.event_at <= g.event_at
  JOIN labels l ON l.entry = q.entry AND l.name = 'request_digest'
)
SELECT COALESCE(p.approval_id, 'entry ' || CAST(p.entry AS VARCHAR)) AS subject,
       CASE WHEN p.reason IS NULL AND p.ticket IS NULL OR a.digest <> p.digest THEN 'fail'
            WHEN p.digest IS NULL THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN p.reason IS NULL AND p.ticket IS NULL THEN 'Approved by ' || COALESCE(p.approver, 'somebody') || ' without a reason or ticket.'
            WHEN a.digest <> p.digest THEN 'Approved on another text of the request than the one that was asked.'
            WHEN p.digest IS NULL THEN 'The approval does not carry the digest of the request.'
            ELSE 'Approved with a reason or ticket, on the digest of the request.' END
         || CASE WHEN p.pause < CAST($bulk_seconds AS BIGINT) * 1000000 THEN ' The same person had approved ' || CAST(CAST((p.pause - p.pause % 1000000) / 1000000 AS BIGINT) AS VARCHAR) || ' seconds before.' ELSE '' END AS reason,
       CAST(p.entry AS VARCHAR) || COALESCE(',' || CAST(a.request_entry AS VARCHAR), '') AS entries,
       p.event_at AS at
FROM paced p
LEFT JOIN asked a ON a.entry = p.entry AND a.n = 1
ORDER BY subject, p.entry
