-- Ended = the entry that ends it. Without such an entry nothing shows that the privilege was taken back.
WITH started AS (
  SELECT entry, event_at, elevation_id, subject_id, elevation_ends_at AS ends_at,
         ROW_NUMBER() OVER (PARTITION BY elevation_id ORDER BY event_at, entry) AS n
  FROM entries
  WHERE kind = 'elevation' AND elevation_verb = 'started' AND elevation_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
    AND event_at < $to
),
ends AS (
  SELECT elevation_id, MIN(event_at) AS ended_at, MIN(entry) AS end_entry
  FROM entries
  WHERE kind = 'elevation' AND elevation_verb = 'ended' AND elevation_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY elevation_id
),
bounds AS (
  SELECT s.entry, s.event_at, s.elevation_id, s.subject_id, s.ends_at, e.ended_at, e.end_entry,
         CASE WHEN e.ended_at IS NOT NULL AND (s.ends_at IS NULL OR e.ended_at < s.ends_at) THEN e.ended_at ELSE s.ends_at END AS over_at
  FROM started s
  LEFT JOIN ends e ON e.elevation_id = s.elevation_id
  WHERE s.n = 1
),
elevated_uses AS (
  -- Numbered only so that engines work this out once, before the join.
  SELECT elevation_id, entry, event_at, ROW_NUMBER() OVER (PARTITION BY elevation_id ORDER BY event_at, entry) AS n
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND elevation_id IS NOT NULL
),
uses AS (
  SELECT b.elevation_id, COUNT(*) AS uses, MIN(u.entry) AS use_entry
  FROM bounds b
  JOIN elevated_uses u ON u.elevation_id = b.elevation_id
  WHERE u.event_at > b.over_at + CAST($clock_skew_seconds AS BIGINT) * 1000000
  GROUP BY b.elevation_id
)
SELECT b.subject_id AS subject,
       CASE WHEN u.uses > 0 OR b.ended_at > b.ends_at + CAST($clock_skew_seconds AS BIGINT) * 1000000 THEN 'fail'
            WHEN b.ends_at IS NULL OR b.ended_at IS NULL THEN 'insufficient' ELSE 'pass' END AS outcome,
       'Elevation ' || b.elevation_id ||
       CASE WHEN u.uses > 0 THEN ' was used after its end, times: ' || CAST(u.uses AS VARCHAR) || '.'
            WHEN b.ends_at IS NULL THEN ' has no stated end.'
            WHEN b.ended_at IS NULL THEN ' should have ended, but no entry shows that it did.'
            WHEN b.ended_at > b.ends_at + CAST($clock_skew_seconds AS BIGINT) * 1000000 THEN ' ended ' || CAST(CAST(((b.ended_at - b.ends_at) - (b.ended_at - b.ends_at) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes after its stated end.'
            ELSE ' ended after ' || CAST(CAST(((b.ended_at - b.event_at) - (b.ended_at - b.event_at) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes, in time.' END AS reason,
       CAST(b.entry AS VARCHAR) || COALESCE(',' || CAST(b.end_entry AS VARCHAR), '') || COALESCE(',' || CAST(u.use_entry AS VARCHAR), '') AS entries,
       b.event_at AS at
FROM bounds b
LEFT JOIN uses u ON u.elevation_id = b.elevation_id
WHERE (b.ends_at IS NULL OR b.ends_at < $to OR b.ended_at < $to)
  AND (b.ended_at IS NULL OR b.ended_at >= $from OR b.ends_at >= $from)
ORDER BY b.subject_id, b.entry
