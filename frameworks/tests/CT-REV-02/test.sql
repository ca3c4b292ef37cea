-- Done = the grant was withdrawn, or, for a change, granted anew with other terms.
WITH decided AS (
  SELECT e.entry, e.event_at, e.subject_id, e.review_decision AS decision, l.value AS grant_id, e.event_at + $review_execution_days * 86400000000 AS due_at
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name = 'grant'
  WHERE e.kind = 'review' AND e.review_decision IN ('revoke', 'change') AND e.outcome NOT IN ('deny', 'failure', 'error') AND e.event_at < $to
),
acts AS (
  SELECT l.value AS grant_id, e.entry, e.event_at, e.kind
  FROM labels l
  JOIN entries e ON e.entry = l.entry AND (e.kind = 'revocation' OR e.kind = 'lifecycle' AND e.action = 'access.grant') AND e.outcome NOT IN ('deny', 'failure', 'error')
  WHERE l.name = 'grant'
),
done AS (
  SELECT d.entry, MIN(a.event_at) AS done_at, MIN(a.entry) AS done_entry
  FROM decided d
  JOIN acts a ON a.grant_id = d.grant_id AND a.event_at >= d.event_at AND (a.kind = 'revocation' OR d.decision = 'change')
  GROUP BY d.entry
),
grant_uses AS (
  -- Numbered only so that engines work this out once, before the join.
  SELECT l.value AS grant_id, e.entry, e.event_at, ROW_NUMBER() OVER (PARTITION BY l.value ORDER BY e.event_at, e.entry) AS n
  FROM labels l
  JOIN entries e ON e.entry = l.entry AND e.kind = 'decision' AND e.outcome IN ('allow', 'success')
  WHERE l.name = 'grant' AND e.event_at < $to AND l.value IN (SELECT grant_id FROM decided WHERE decision = 'revoke' AND grant_id IS NOT NULL)
),
uses AS (
  SELECT d.entry, COUNT(*) AS uses, MIN(u.entry) AS use_entry
  FROM decided d
  JOIN grant_uses u ON u.grant_id = d.grant_id
  WHERE u.event_at > d.due_at AND d.decision = 'revoke'
  GROUP BY d.entry
)
SELECT d.subject_id AS subject,
       CASE WHEN d.grant_id IS NULL THEN 'insufficient' WHEN o.done_at <= d.due_at AND u.uses IS NULL THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN d.grant_id IS NULL THEN 'The review decided to ' || d.decision || ' something, but not which grant.'
            ELSE 'Grant ' || d.grant_id || ' was to be ' || CASE WHEN d.decision = 'revoke' THEN 'withdrawn' ELSE 'changed' END || '; '
                 || CASE WHEN o.done_at IS NULL OR o.done_at >= $to THEN 'nothing was done'
                         ELSE 'done after ' || CAST(CAST(((o.done_at - d.event_at) - (o.done_at - d.event_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days and ' || CAST(CAST((((o.done_at - d.event_at) % 86400000000) - ((o.done_at - d.event_at) % 86400000000) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours' END
                 || '; ' || CAST($review_execution_days AS VARCHAR) || ' days are allowed'
                 || CASE WHEN u.uses > 0 THEN '; uses after that: ' || CAST(u.uses AS VARCHAR) ELSE '' END || '.' END AS reason,
       CAST(d.entry AS VARCHAR) || COALESCE(',' || CAST(o.done_entry AS VARCHAR), '') || COALESCE(',' || CAST(u.use_entry AS VARCHAR), '') AS entries,
       d.event_at AS at
FROM decided d
LEFT JOIN done o ON o.entry = d.entry
LEFT JOIN uses u ON u.entry = d.entry
WHERE (d.due_at < $to OR o.done_at < $to) AND (d.due_at >= $from OR o.done_at IS NULL OR o.done_at >= $from OR u.uses > 0)
ORDER BY d.subject_id, d.entry
