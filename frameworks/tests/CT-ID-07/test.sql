-- Counts the environments of the resources that each identity was let into.
WITH used AS (
  SELECT subject_id, resource_environment AS environment, MIN(entry) AS first_entry, COUNT(*) AS uses, MAX(event_at) AS last_at
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND event_at >= $from AND event_at < $to
    AND subject_type IN ('service-account', 'workload', 'api-key', 'token', 'certificate', 'agent')
    AND COALESCE(action, '') <> 'session.open'
  GROUP BY subject_id, resource_environment
),
counted AS (
  SELECT subject_id, COUNT(environment) AS environments, MIN(environment) AS one, MAX(environment) AS another, MIN(first_entry) AS first_entry,
         SUM(CASE WHEN environment IS NULL OR environment = '(sealed)' THEN uses ELSE 0 END) AS unlabelled, SUM(uses) AS uses, MAX(last_at) AS last_at,
         MIN(CASE WHEN environment IS NOT NULL THEN first_entry END) AS one_entry, MAX(CASE WHEN environment IS NOT NULL THEN first_entry END) AS another_entry
  FROM used
  GROUP BY subject_id
)
SELECT subject_id AS subject,
       CASE WHEN environments > 1 THEN 'fail' WHEN unlabelled > 0 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN environments > 1 THEN 'Let into ' || CAST(environments AS VARCHAR) || ' environments, among them ' || one || ' and ' || another || '.'
            WHEN unlabelled > 0 THEN 'Uses of resources whose environment is not recorded: ' || CAST(unlabelled AS VARCHAR) || ' of ' || CAST(uses AS VARCHAR) || '.'
            ELSE 'All ' || CAST(uses AS VARCHAR) || ' uses stayed within ' || one || '.' END AS reason,
       CASE WHEN environments > 1 THEN CAST(one_entry AS VARCHAR) || ',' || CAST(another_entry AS VARCHAR)
            ELSE CAST(first_entry AS VARCHAR) END AS entries,
       last_at AS at
FROM counted
ORDER BY subject_id
