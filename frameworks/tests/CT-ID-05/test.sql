-- Registered means an entry that provisions the identity, before the first time it was let in.
WITH uses AS (
  SELECT subject_id, entry, event_at,
         ROW_NUMBER() OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS n
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success')
),
acting AS (
  SELECT subject_id, MIN(event_at) AS first_at, MAX(CASE WHEN n = 1 THEN entry END) AS first_entry,
         MAX(CASE WHEN event_at >= $from AND event_at < $to THEN 1 ELSE 0 END) AS in_period
  FROM uses
  GROUP BY subject_id
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
       CAST(a.first_entry AS VARCHAR) || COALESCE(',' || CAST(r.registered_entry AS VARCHAR), '') AS entries,
       a.first_at AS at
FROM acting a
CROSS JOIN register_size z
LEFT JOIN registered r ON r.subject_id = a.subject_id
WHERE a.in_period = 1
ORDER BY a.subject_id
