-- Counts the attested workloads behind each identity; uses without attestation cannot be told apart.
WITH used AS (
  SELECT subject_id, context_runtime_workload AS workload, MIN(entry) AS first_entry, COUNT(*) AS uses, MAX(event_at) AS last_at
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND event_at >= $from AND event_at < $to
    AND subject_type IN ('service-account', 'workload', 'api-key', 'token', 'certificate', 'agent')
  GROUP BY subject_id, context_runtime_workload
),
counted AS (
  SELECT subject_id, COUNT(workload) AS workloads, MIN(workload) AS one, MAX(workload) AS another, MIN(first_entry) AS first_entry,
         SUM(CASE WHEN workload IS NULL OR workload = '(sealed)' THEN uses ELSE 0 END) AS unattested, SUM(uses) AS uses, MAX(last_at) AS last_at,
         MIN(CASE WHEN workload IS NOT NULL THEN first_entry END) AS one_entry, MAX(CASE WHEN workload IS NOT NULL THEN first_entry END) AS another_entry
  FROM used
  GROUP BY subject_id
)
SELECT subject_id AS subject,
       CASE WHEN workloads > 1 THEN 'fail' WHEN unattested > 0 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN workloads > 1 THEN 'Used by ' || CAST(workloads AS VARCHAR) || ' workloads, among them ' || one || ' and ' || another || '.'
            WHEN unattested > 0 THEN 'Uses without an attested workload: ' || CAST(unattested AS VARCHAR) || ' of ' || CAST(uses AS VARCHAR) || '.'
            ELSE 'All ' || CAST(uses AS VARCHAR) || ' uses came from the workload ' || one || '.' END AS reason,
       CASE WHEN workloads > 1 THEN CAST(one_entry AS VARCHAR) || ',' || CAST(another_entry AS VARCHAR)
            ELSE CAST(first_entry AS VARCHAR) END AS entries,
       last_at AS at
FROM counted
ORDER BY subject_id
