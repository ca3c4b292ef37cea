-- A privileged grant without an end must be on the approved list, and the list must not be longer than allowed.
WITH granted AS (
  SELECT e.entry, e.event_at, e.subject_id, e.approval_valid_until AS until_at,
         MAX(CASE WHEN l.name = 'grant' THEN l.value END) AS grant_id,
         MAX(CASE WHEN l.name = 'permission' THEN l.value END) AS permission,
         MAX(CASE WHEN l.name = 'standing' THEN l.value END) AS standing
  FROM labels p
  JOIN entries e ON e.entry = p.entry
  JOIN labels l ON l.entry = p.entry AND l.name IN ('grant', 'permission', 'standing')
  WHERE p.name = 'privileged' AND p.value = 'true' AND e.kind = 'lifecycle' AND e.action = 'access.grant'
    AND e.outcome NOT IN ('deny', 'failure', 'error') AND e.event_at < $to
  GROUP BY e.entry, e.event_at, e.subject_id, e.approval_valid_until
),
ends AS (
  SELECT l.value AS grant_id, MIN(e.event_at) AS ended_at
  FROM labels l
  JOIN entries e ON e.entry = l.entry AND e.kind = 'revocation' AND e.outcome NOT IN ('deny', 'failure', 'error')
  WHERE l.name = 'grant'
  GROUP BY l.value
),
held AS (
  SELECT g.entry, g.event_at, g.subject_id, g.grant_id, g.permission, g.until_at,
         CASE WHEN x.ended_at < $to THEN x.ended_at - 1 ELSE $to - 1 END AS in_force_at,
         CASE WHEN g.until_at IS NULL AND g.standing = 'approved' THEN 1 ELSE 0 END AS listed
  FROM granted g
  LEFT JOIN ends x ON x.grant_id = g.grant_id
  WHERE (g.until_at IS NULL OR g.until_at > $from) AND (x.ended_at IS NULL OR x.ended_at > $from)
),
counted AS (
  SELECT entry, event_at, subject_id, grant_id, permission, until_at, in_force_at, listed, SUM(listed) OVER () AS listed_count
  FROM held
)
SELECT subject_id AS subject,
       CASE WHEN until_at IS NOT NULL OR listed = 1 AND listed_count <= $max_standing_grants THEN 'pass' ELSE 'fail' END AS outcome,
       'Grant ' || COALESCE(grant_id, 'without id') || ' of ' || COALESCE(permission, 'a privileged permission')
         || CASE WHEN until_at IS NOT NULL THEN ' ends after ' || CAST(CAST(((until_at - event_at) - (until_at - event_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days.'
                 WHEN listed = 0 THEN ' has no end and is not on the approved list.'
                 ELSE ' has no end and is on the approved list, which holds ' || CAST(listed_count AS VARCHAR) || '; at most '
                      || CAST($max_standing_grants AS VARCHAR) || ' are allowed.' END AS reason,
       entry AS entries,
       in_force_at AS at
FROM counted
ORDER BY subject_id, entry
