-- Registered means an entry that provisions the identity, before the first time it was let in.
WITH acting AS (
  SELECT subject_id, MIN(subject_type) AS subject_type, MIN(event_at) AS first_at,
         MAX(CASE WHEN event_at >= $from AND event_at < $to THEN 1 ELSE 0 END) AS in_period
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success')
  GROUP BY subject_id
),
first_entries AS (
  SELECT a.subject_id, MIN(e.entry) AS first_entry
  FROM acting a
  JOIN entries e ON e.subject_id = a.subject_id AND e.event_at = a.first_at AND e.kind = 'decision' AND e.outcome IN ('allow', 'success')
  WHERE a.in_period = 1
  GROUP BY a.subject_id
),
registered AS (
  SELECT subject_id, MIN(event_at) AS registered_at, MIN(entry) AS registered_entry
  FROM entries
  WHERE kind = 'lifecycle' AND lifecycle_verb = 'provisioned' AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY subject_id
),
register_size AS (
  SELECT COUNT(*) AS n FROM registered
)
SELECT a.subject_id AS subject,
       CASE WHEN r.registered_at <= a.first_at THEN 'pass' WHEN z.n = 0 THEN 'insufficient' ELSE 'fail' END AS outcome,
       CASE WHEN r.registered_at <= a.first_at THEN 'Registered before it was first let in.'
            WHEN z.n = 0 THEN 'The ledger holds no registration of anybody, so whether this one is known cannot be told.'
            WHEN r.registered_at IS NULL THEN 'Let in, but never registered.'
            ELSE 'First let in ' || CAST(CAST(((r.registered_at - a.first_at) - (r.registered_at - a.first_at) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours and ' || CAST(CAST((((r.registered_at - a.first_at) % 3600000000) - ((r.registered_at - a.first_at) % 3600000000) % 60000000) / 60000000 AS BIGINT) AS VARCHAR)
                 || ' minutes before it was registered.' END AS reason,
       CAST(f.first_entry AS VARCHAR) || COALESCE(',' || CAST(r.registered_entry AS VARCHAR), '') AS entries,
       a.first_at AS at
FROM acting a
JOIN first_entries f ON f.subject_id = a.subject_id
CROSS JOIN register_size z
LEFT JOIN registered r ON r.subject_id = a.subject_id
ORDER BY a.subject_id
