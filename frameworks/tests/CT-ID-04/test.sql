-- Last sign of use: an access that was allowed, an act of its own, or a use known from before the ledger; else its registration.
WITH active AS (
  SELECT i.id, i.starts_at, i.start_entry, e.subject_type, CAST(NULLIF(l.value, '(sealed)') AS BIGINT) AS used_before
  FROM identity_intervals i
  JOIN entries e ON e.entry = i.start_entry
  LEFT JOIN labels l ON l.entry = i.start_entry AND l.name = 'last_used_at'
  WHERE i.starts_at < $to AND (i.ends_at IS NULL OR i.ends_at >= $to)
    AND e.subject_type IN ('human', 'service-account', 'workload', 'api-key', 'token', 'certificate', 'agent')
),
signs AS (
  SELECT subject_id AS id, MAX(event_at) AS used_at
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND event_at < $to
  GROUP BY subject_id
  UNION ALL
  SELECT actor_id, MAX(event_at)
  FROM entries
  WHERE actor_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error') AND event_at < $to
  GROUP BY actor_id
),
last_signs AS (
  SELECT id, MAX(used_at) AS used_at FROM signs GROUP BY id
),
measured AS (
  SELECT a.id, a.start_entry, a.starts_at,
         CASE WHEN s.used_at IS NOT NULL THEN s.used_at
              WHEN a.used_before IS NOT NULL AND a.used_before < a.starts_at THEN a.used_before
              ELSE a.starts_at END AS used_at,
         CASE WHEN s.used_at IS NOT NULL OR a.used_before IS NOT NULL THEN 1 ELSE 0 END AS ever
  FROM active a
  LEFT JOIN last_signs s ON s.id = a.id
),
last_entries AS (
  SELECT e.subject_id AS id, MAX(e.entry) AS entry
  FROM entries e
  JOIN measured m ON m.id = e.subject_id AND m.used_at = e.event_at
  WHERE e.kind = 'decision' AND e.outcome IN ('allow', 'success') AND e.event_at < $to - $inactivity_days * 86400000000
  GROUP BY e.subject_id
)
SELECT m.id AS subject,
       CASE WHEN $to - m.used_at > $inactivity_days * 86400000000 THEN 'fail' ELSE 'pass' END AS outcome,
       CASE WHEN m.ever = 1 THEN 'Last used ' ELSE 'Registered and never seen in use for ' END
         || CAST(CAST((($to - m.used_at) - ($to - m.used_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days' || CASE WHEN m.ever = 1 THEN ' before the end of the period' ELSE '' END
         || '; after ' || CAST($inactivity_days AS VARCHAR) || ' days it must be switched off.' AS reason,
       CAST(m.start_entry AS VARCHAR) || COALESCE(',' || CAST(l.entry AS VARCHAR), '') AS entries,
       $to - 1 AS at
FROM measured m
LEFT JOIN last_entries l ON l.id = m.id
ORDER BY m.id, m.start_entry
