-- What was shown must reach what is asked for.
WITH signed_in AS (
  SELECT e.entry, e.event_at, e.subject_id, m.value AS method,
         CAST(NULLIF(a.value, '(sealed)') AS BIGINT) AS shown, CAST(NULLIF(q.value, '(sealed)') AS BIGINT) AS asked
  FROM labels m
  JOIN entries e ON e.entry = m.entry
  LEFT JOIN labels a ON a.entry = m.entry AND a.name = 'assurance'
  LEFT JOIN labels q ON q.entry = m.entry AND q.name = 'assurance_min'
  WHERE m.name = 'auth_method' AND e.outcome IN ('allow', 'success') AND e.event_at >= $from AND e.event_at < $to
),
judged AS (
  SELECT entry, event_at, subject_id, method, shown, asked,
         CASE WHEN REPLACE(' ' || $given_up_methods || ' ', ' ' || method || ' ', '') <> ' ' || $given_up_methods || ' ' THEN 1 ELSE 0 END AS given_up
  FROM signed_in
)
SELECT subject_id AS subject,
       CASE WHEN given_up = 1 OR shown < asked THEN 'fail' WHEN shown IS NULL OR asked IS NULL THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN given_up = 1 THEN 'Signed in by ' || method || ', a method that is given up.'
            WHEN shown IS NULL OR asked IS NULL THEN 'Signed in by ' || method || '; which assurance was shown or asked for is not recorded.'
            ELSE 'Signed in by ' || method || ' with assurance ' || CAST(shown AS VARCHAR) || ' where ' || CAST(asked AS VARCHAR) || ' is asked for.' END AS reason,
       entry AS entries,
       event_at AS at
FROM judged
ORDER BY subject_id, entry
