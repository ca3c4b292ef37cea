-- Time without an owner = time active - time in which a named owner was active. Everything is cut to the period.
WITH machines AS (
  SELECT subject_id AS id FROM entries
  WHERE subject_type IN ('service-account', 'workload', 'api-key', 'token', 'certificate', 'agent')
  GROUP BY subject_id
),
active AS (
  SELECT i.id, i.start_entry,
         CASE WHEN i.starts_at > $from THEN i.starts_at ELSE $from END AS starts_at,
         CASE WHEN i.ends_at < $to THEN i.ends_at ELSE $to END AS ends_at
  FROM identity_intervals i
  JOIN machines m ON m.id = i.id
  WHERE i.starts_at < $to AND (i.ends_at IS NULL OR i.ends_at > $from)
),
owned AS (
  SELECT a.id, a.starts_at AS active_from, o.owner, o.start_entry,
         CASE WHEN o.starts_at > a.starts_at THEN o.starts_at ELSE a.starts_at END AS starts_at,
         CASE WHEN o.ends_at < a.ends_at THEN o.ends_at ELSE a.ends_at END AS ends_at
  FROM active a
  JOIN owners o ON o.owned = a.id AND o.role = 'lifecycle-owner' AND o.owner IS NOT NULL
  WHERE o.starts_at < a.ends_at AND (o.ends_at IS NULL OR o.ends_at > a.starts_at)
),
present AS (
  SELECT w.id, w.owner, w.starts_at, w.ends_at, p.id AS person, p.end_entry,
         CASE WHEN p.starts_at > w.starts_at THEN p.starts_at ELSE w.starts_at END AS covered_from,
         CASE WHEN p.ends_at < w.ends_at THEN p.ends_at ELSE w.ends_at END AS covered_to,
         CASE WHEN p.ends_at < w.ends_at THEN p.end_entry END AS left_entry
  FROM owned w
  LEFT JOIN identity_intervals p ON p.id = w.owner
),
covered AS (
  SELECT id, SUM(CASE WHEN covered_to > covered_from THEN covered_to - covered_from ELSE 0 END) AS time_covered,
         MAX(CASE WHEN person IS NULL THEN owner END) AS unknown_owner, MAX(left_entry) AS left_entry
  FROM present
  GROUP BY id
),
totals AS (
  SELECT id, SUM(ends_at - starts_at) AS time_active, MIN(start_entry) AS start_entry, MAX(ends_at) AS ends_at
  FROM active
  GROUP BY id
),
judged AS (
  SELECT t.id, t.start_entry, t.ends_at, c.left_entry, c.unknown_owner, t.time_active - COALESCE(c.time_covered, 0) AS time_alone
  FROM totals t
  LEFT JOIN covered c ON c.id = t.id
),
strangers AS (
  SELECT e.subject_id AS id, MIN(e.entry) AS entry, MIN(e.event_at) AS event_at
  FROM entries e
  LEFT JOIN totals t ON t.id = e.subject_id
  LEFT JOIN identity_intervals i ON i.id = e.subject_id
  WHERE e.kind = 'decision' AND e.outcome IN ('allow', 'success') AND e.event_at >= $from AND e.event_at < $to
    AND e.subject_type IN ('service-account', 'workload', 'api-key', 'token', 'certificate', 'agent')
    AND t.id IS NULL AND i.id IS NULL
  GROUP BY e.subject_id
)
SELECT id AS subject,
       CASE WHEN time_alone <= $orphan_hours_max * 3600000000 THEN 'pass'
            WHEN unknown_owner IS NOT NULL THEN 'insufficient'
            ELSE 'fail' END AS outcome,
       CASE WHEN time_alone <= $orphan_hours_max * 3600000000 THEN 'Somebody active answered for it all the time that it was active in the period.'
            WHEN unknown_owner IS NOT NULL THEN 'Its owner ' || unknown_owner || ' was never registered, so whether that is somebody who still works here cannot be told.'
            ELSE 'Active for ' || CAST(CAST((time_alone - time_alone % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days and ' || CAST(CAST(((time_alone % 86400000000) - (time_alone % 86400000000) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR)
                 || ' hours of the period with nobody active who answers for it; '
                 || CAST($orphan_hours_max AS VARCHAR) || ' hours are allowed.' END AS reason,
       CAST(start_entry AS VARCHAR) || CASE WHEN time_alone > $orphan_hours_max * 3600000000
            THEN COALESCE(',' || CAST(left_entry AS VARCHAR), '') ELSE '' END AS entries,
       ends_at - 1 AS at
FROM judged
UNION ALL
SELECT id, 'insufficient', 'It was let in, but no entry registers it, so who answers for it cannot be told.', CAST(entry AS VARCHAR), event_at
FROM strangers
ORDER BY 1, 5, 4
