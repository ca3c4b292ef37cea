-- A grant counts as unused when neither an allowed access nor a review that keeps it for a stated reason falls into the window.
-- Unused grants are a finding when they are more than the tolerated share of what their holder has.
WITH granted AS (
  SELECT l.value AS id, MIN(e.entry) AS entry, MIN(e.event_at) AS granted_at, MIN(e.subject_id) AS holder, MIN(p.value) AS permission,
         MAX(e.approval_valid_until) AS until_at, COUNT(*) - COUNT(e.approval_valid_until) AS endless
  FROM entries e
  JOIN labels l ON l.entry = e.entry AND l.name = 'grant'
  LEFT JOIN labels p ON p.entry = e.entry AND p.name = 'permission'
  WHERE e.kind = 'lifecycle' AND e.action = 'access.grant' AND e.outcome NOT IN ('deny', 'failure', 'error') AND e.event_at < $to
  GROUP BY l.value
),
signs AS (
  SELECT l.value AS id,
         MAX(CASE WHEN e.kind = 'decision' AND e.outcome IN ('allow', 'success') THEN e.event_at END) AS used_at,
         MAX(CASE WHEN e.kind = 'review' AND e.review_decision = 'keep' AND (e.reason IS NOT NULL OR t.value IS NOT NULL) THEN e.event_at END) AS kept_at,
         MIN(CASE WHEN e.kind = 'revocation' AND e.outcome NOT IN ('deny', 'failure', 'error') THEN e.event_at END) AS ended_at
  FROM labels l
  JOIN entries e ON e.entry = l.entry
  LEFT JOIN labels t ON t.entry = l.entry AND t.name = 'ticket'
  WHERE l.name = 'grant' AND e.kind IN ('decision', 'review', 'revocation') AND e.event_at < $to
  GROUP BY l.value
),
held AS (
  SELECT g.id, g.entry, g.granted_at, g.holder, g.permission, s.used_at, s.kept_at,
         CASE WHEN s.used_at >= $to - $unused_days * 86400000000 THEN 0
              WHEN s.kept_at >= $to - $unused_days * 86400000000 THEN 0 ELSE 1 END AS unused
  FROM granted g
  LEFT JOIN signs s ON s.id = g.id
  WHERE s.ended_at IS NULL AND (g.endless > 0 OR g.until_at >= $to)
    AND g.granted_at <= $to - $unused_days * 86400000000
),
shares AS (
  SELECT id, entry, granted_at, holder, permission, used_at, kept_at, unused,
         SUM(unused) OVER (PARTITION BY holder) AS unused_count, COUNT(*) OVER (PARTITION BY holder) AS held_count
  FROM held
)
SELECT id AS subject,
       CASE WHEN unused = 1 AND unused_count * 100 > $max_unused_percent * held_count THEN 'fail' ELSE 'pass' END AS outcome,
       CASE WHEN unused = 0 AND used_at >= $to - $unused_days * 86400000000
            THEN 'Last used ' || CAST(CAST((($to - used_at) - ($to - used_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days before the end of the period.'
            WHEN unused = 0 THEN 'Not used, but reviewed and kept ' || CAST(CAST((($to - kept_at) - ($to - kept_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days before the end of the period.'
            ELSE 'Permission ' || COALESCE(permission, 'not named') || ' of ' || holder || ', '
                 || CASE WHEN used_at IS NULL THEN 'never used' ELSE 'last used ' || CAST(CAST((($to - used_at) - ($to - used_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days ago' END
                 || ' and not kept by a review for a reason within ' || CAST($unused_days AS VARCHAR) || ' days; unused grants of this holder: ' || CAST(unused_count AS VARCHAR) || ' of '
                 || CAST(held_count AS VARCHAR) || ', tolerated: ' || CAST($max_unused_percent AS VARCHAR) || ' %.' END AS reason,
       entry AS entries,
       $to - 1 AS at
FROM shares
ORDER BY id
