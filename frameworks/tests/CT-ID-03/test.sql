-- Whatever the identity held must end within the limit; a later use is a failure however it came about.
WITH gone AS (
  SELECT id, starts_at, ends_at, end_entry, ends_at + $removal_hours * 3600000000 AS due_at
  FROM identity_intervals
  WHERE end_verb = 'offboarded' AND ends_at < $to
),
back AS (
  SELECT g.id, g.end_entry, MIN(i.starts_at) AS back_at
  FROM gone g
  LEFT JOIN identity_intervals i ON i.id = g.id AND i.starts_at > g.ends_at
  GROUP BY g.id, g.end_entry
),
minted AS (
  SELECT subject_id, credential_id, MAX(entry) AS entry, MAX(event_at) AS minted_at, MAX(credential_expires_at) AS expires_at,
         COUNT(*) - COUNT(credential_expires_at) AS endless
  FROM entries
  WHERE kind IN ('issuance', 'rotation') AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY subject_id, credential_id
),
credential_ends AS (
  SELECT credential_id, MIN(event_at) AS ended_at
  FROM entries
  WHERE kind = 'revocation' AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY credential_id
),
granted AS (
  SELECT e.subject_id, l.value AS id, MAX(e.entry) AS entry, MAX(e.event_at) AS granted_at, MAX(e.approval_valid_until) AS until_at,
         COUNT(*) - COUNT(e.approval_valid_until) AS endless
  FROM entries e
  JOIN labels l ON l.entry = e.entry AND l.name = 'grant'
  WHERE e.kind = 'lifecycle' AND e.action = 'access.grant' AND e.outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY e.subject_id, l.value
),
grant_ends AS (
  SELECT l.value AS id, MIN(e.event_at) AS ended_at
  FROM entries e
  JOIN labels l ON l.entry = e.entry AND l.name = 'grant'
  WHERE e.kind = 'revocation' AND e.outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY l.value
),
opened AS (
  SELECT subject_id, correlation_session AS id, MIN(entry) AS entry, MIN(event_at) AS opened_at, MAX(credential_expires_at) AS expires_at
  FROM entries
  WHERE kind = 'decision' AND action = 'session.open' AND outcome = 'allow' AND correlation_session IS NOT NULL
  GROUP BY subject_id, correlation_session
),
session_ends AS (
  SELECT correlation_session AS id, MIN(event_at) AS ended_at
  FROM entries
  WHERE kind = 'revocation' AND correlation_session IS NOT NULL AND (action = 'session.close' OR resource_id = correlation_session)
    AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY correlation_session
),
held AS (
  SELECT m.subject_id, 'credential ' || m.credential_id AS thing, m.entry, m.minted_at AS since,
         CASE WHEN c.ended_at IS NOT NULL AND (m.endless > 0 OR c.ended_at < m.expires_at) THEN c.ended_at
              WHEN m.endless = 0 THEN m.expires_at END AS ended_at
  FROM minted m
  LEFT JOIN credential_ends c ON c.credential_id = m.credential_id
  UNION ALL
  SELECT g.subject_id, 'grant ' || g.id, g.entry, g.granted_at,
         CASE WHEN x.ended_at IS NOT NULL AND (g.endless > 0 OR x.ended_at < g.until_at) THEN x.ended_at
              WHEN g.endless = 0 THEN g.until_at END
  FROM granted g
  LEFT JOIN grant_ends x ON x.id = g.id
  UNION ALL
  SELECT o.subject_id, 'session ' || o.id, o.entry, o.opened_at,
         CASE WHEN s.ended_at IS NOT NULL AND (o.expires_at IS NULL OR s.ended_at < o.expires_at) THEN s.ended_at ELSE o.expires_at END
  FROM opened o
  LEFT JOIN session_ends s ON s.id = o.id
),
left_over AS (
  SELECT g.id, g.end_entry, COUNT(*) AS things, MIN(h.thing) AS thing, MIN(h.entry) AS thing_entry,
         MAX(COALESCE(h.ended_at, $to)) AS ended_at
  FROM gone g
  JOIN back b ON b.id = g.id AND b.end_entry = g.end_entry
  JOIN held h ON h.subject_id = g.id AND h.since <= g.ends_at
  WHERE (h.ended_at IS NULL OR h.ended_at > g.due_at) AND (b.back_at IS NULL OR b.back_at > g.due_at)
  GROUP BY g.id, g.end_entry
),
own_uses AS (
  -- Numbered only so that engines work this out once, before the join.
  SELECT subject_id, entry, event_at, ROW_NUMBER() OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS n
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND event_at >= $from AND event_at < $to
    AND subject_id IN (SELECT id FROM gone)
),
uses AS (
  SELECT g.id, g.end_entry, COUNT(*) AS uses, MIN(e.entry) AS use_entry, MAX(e.event_at) AS last_at
  FROM gone g
  JOIN back b ON b.id = g.id AND b.end_entry = g.end_entry
  JOIN own_uses e ON e.subject_id = g.id
  WHERE e.event_at > g.ends_at + CAST($propagation_seconds AS BIGINT) * 1000000
    AND (b.back_at IS NULL OR e.event_at < b.back_at)
  GROUP BY g.id, g.end_entry
)
SELECT g.id AS subject,
       CASE WHEN u.uses > 0 OR l.things > 0 THEN 'fail' ELSE 'pass' END AS outcome,
       CASE WHEN u.uses > 0 THEN 'Let in after it was removed, times in the period: ' || CAST(u.uses AS VARCHAR) || '.' ELSE '' END
         || CASE WHEN u.uses > 0 AND l.things > 0 THEN ' ' ELSE '' END
         || CASE WHEN l.things > 0 THEN 'Things of its own that outlived it by more than ' || CAST($removal_hours AS VARCHAR) || ' hours: '
                 || CAST(l.things AS VARCHAR) || ', such as ' || l.thing || '.' ELSE '' END
         || CASE WHEN u.uses IS NULL AND l.things IS NULL THEN 'Credentials, grants and sessions ended within '
                 || CAST($removal_hours AS VARCHAR) || ' hours, and it was not let in again.' ELSE '' END AS reason,
       CAST(g.end_entry AS VARCHAR) || COALESCE(',' || CAST(l.thing_entry AS VARCHAR), '') || COALESCE(',' || CAST(u.use_entry AS VARCHAR), '') AS entries,
       COALESCE(u.last_at, g.ends_at) AS at
FROM gone g
LEFT JOIN left_over l ON l.id = g.id AND l.end_entry = g.end_entry
LEFT JOIN uses u ON u.id = g.id AND u.end_entry = g.end_entry
WHERE g.due_at < $to AND (g.due_at >= $from OR l.ended_at >= $from) OR u.uses > 0
ORDER BY g.id, g.end_entry
