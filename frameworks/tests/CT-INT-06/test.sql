-- The longest time without a sign of life must not exceed the stated heartbeat. Time before the ledger's first and after its last entry is not judged.
WITH horizon AS (
  SELECT CASE WHEN MIN(event_at) > $from THEN MIN(event_at) ELSE $from END AS starts_at,
         CASE WHEN MAX(event_at) < $to THEN MAX(event_at) ELSE $to END AS ends_at
  FROM entries
),
points AS (
  SELECT i.id, MAX(i.start_entry) AS entry, MAX(CAST(h.value AS BIGINT)) AS heartbeat_seconds, MAX(i.starts_at) AS starts_at, MAX(i.ends_at) AS ends_at
  FROM identity_intervals i
  JOIN labels c ON c.entry = i.start_entry AND c.name = 'component' AND c.value = 'pep'
  LEFT JOIN labels h ON h.entry = i.start_entry AND h.name = 'heartbeat_s'
  WHERE i.starts_at < $to AND (i.ends_at IS NULL OR i.ends_at > $from)
  GROUP BY i.id
),
members AS (
  SELECT 'enforcement point' AS sort, id, entry, heartbeat_seconds, starts_at, ends_at FROM points
  UNION ALL
  SELECT 'source', id, NULL, heartbeat_seconds, NULL, NULL FROM inventory_sources
),
service AS (
  SELECT m.sort, m.id, m.entry, m.heartbeat_seconds,
         CASE WHEN m.starts_at > h.starts_at THEN m.starts_at ELSE h.starts_at END AS starts_at,
         CASE WHEN m.ends_at < h.ends_at THEN m.ends_at ELSE h.ends_at END AS ends_at
  FROM members m
  CROSS JOIN horizon h
),
signs AS (
  SELECT 'source' AS sort, source_id AS id, entry, event_at FROM entries
  UNION ALL
  SELECT 'enforcement point', policy_enforcement_point, entry, event_at FROM entries WHERE policy_enforcement_point IS NOT NULL
  UNION ALL
  SELECT 'enforcement point', subject_id, entry, event_at FROM entries WHERE kind = 'lifecycle' AND action = 'source.heartbeat'
),
marks AS (
  SELECT s.sort, s.id, g.event_at, g.entry FROM service s
  JOIN signs g ON g.sort = s.sort AND g.id = s.id AND g.event_at >= s.starts_at AND g.event_at <= s.ends_at
  UNION ALL
  SELECT sort, id, starts_at, NULL FROM service
  UNION ALL
  SELECT sort, id, ends_at, NULL FROM service
),
silences AS (
  SELECT sort, id, event_at, entry,
         event_at - LAG(event_at) OVER (PARTITION BY sort, id ORDER BY event_at, COALESCE(entry, -1)) AS silence,
         LAG(entry) OVER (PARTITION BY sort, id ORDER BY event_at, COALESCE(entry, -1)) AS before_entry
  FROM marks
),
ranked AS (
  SELECT sort, id, event_at, entry, before_entry, silence,
         ROW_NUMBER() OVER (PARTITION BY sort, id ORDER BY silence DESC, event_at) AS n
  FROM silences
  WHERE silence IS NOT NULL
)
SELECT s.id AS subject,
       CASE WHEN s.heartbeat_seconds IS NULL THEN 'insufficient'
            WHEN r.silence > s.heartbeat_seconds * 1000000 THEN 'fail' ELSE 'pass' END AS outcome,
       CASE WHEN s.heartbeat_seconds IS NULL THEN 'How often this ' || s.sort || ' must report is not stated.'
            ELSE 'Longest silence of this ' || s.sort || ': ' || CAST(CAST((r.silence - r.silence % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes ' || CAST(CAST(((r.silence % 60000000) - (r.silence % 60000000) % 1000000) / 1000000 AS BIGINT) AS VARCHAR)
                 || ' seconds; at most ' || CAST(s.heartbeat_seconds AS VARCHAR) || ' seconds are allowed.' END AS reason,
       COALESCE(CAST(s.entry AS VARCHAR), '') || CASE WHEN r.silence > s.heartbeat_seconds * 1000000
            THEN COALESCE(',' || CAST(r.before_entry AS VARCHAR), '') || COALESCE(',' || CAST(r.entry AS VARCHAR), '') ELSE '' END AS entries,
       r.event_at AS at
FROM service s
LEFT JOIN ranked r ON r.sort = s.sort AND r.id = s.id AND r.n = 1
ORDER BY s.id, s.sort
