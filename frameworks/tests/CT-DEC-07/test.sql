-- Refused is right; allowed is right only with an exception that was open at that moment.
WITH away AS (
  SELECT e.entry, e.event_at, e.subject_id, e.outcome, e.exception_id
  FROM entries e
  JOIN labels l ON l.entry = e.entry AND l.name = 'pdp_status' AND l.value = 'unavailable'
  WHERE e.kind = 'decision' AND e.event_at >= $from AND e.event_at < $to
    AND (e.policy_enforcement_point IS NOT NULL OR e.policy_decision_point IS NULL)
),
cited AS (
  SELECT a.entry, COUNT(x.id) AS terms, MAX(x.start_entry) AS start_entry,
         MAX(CASE WHEN x.starts_at <= a.event_at AND (x.ends_at IS NULL OR x.ends_at > a.event_at) THEN 1 ELSE 0 END) AS was_open
  FROM away a
  LEFT JOIN exception_intervals x ON x.id = a.exception_id
  GROUP BY a.entry
)
SELECT a.subject_id AS subject,
       CASE WHEN a.outcome IN ('deny', 'failure') OR c.was_open = 1 THEN 'pass'
            WHEN a.outcome IN ('allow', 'success') THEN 'fail' ELSE 'insufficient' END AS outcome,
       CASE WHEN a.outcome IN ('deny', 'failure') THEN 'Refused while the decision service was not reachable.'
            WHEN a.outcome NOT IN ('allow', 'success') THEN 'Whether it was let in while the decision service was not reachable is not recorded.'
            WHEN c.was_open = 1 THEN 'Let in under the exception ' || a.exception_id || ', which was open.'
            WHEN a.exception_id IS NULL THEN 'Let in while the decision service was not reachable, and no exception is cited.'
            WHEN c.terms = 0 THEN 'Let in under the exception ' || a.exception_id || ', which no entry opens.'
            ELSE 'Let in under the exception ' || a.exception_id || ', which was not open at that moment.' END AS reason,
       CAST(a.entry AS VARCHAR) || COALESCE(',' || CAST(c.start_entry AS VARCHAR), '') AS entries,
       a.event_at AS at
FROM away a
JOIN cited c ON c.entry = a.entry
ORDER BY a.entry
