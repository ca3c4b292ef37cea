-- Who: the actor, or the subject where it is a person acting on their own. When: the producer's own time.
WITH acts AS (
  SELECT e.entry, e.event_at, e.occurred_at, e.kind, e.action, e.subject_id, e.subject_type, e.actor_id, l.value AS incident
  FROM labels l
  JOIN entries e ON e.entry = l.entry
  WHERE l.name = 'incident' AND e.event_at >= $from AND e.event_at < $to
),
opened AS (
  SELECT l.value AS incident, MIN(e.event_at) AS opened_at
  FROM labels l
  JOIN entries e ON e.entry = l.entry AND e.kind = 'lifecycle' AND e.action = 'incident.open'
  WHERE l.name = 'incident'
  GROUP BY l.value
),
judged AS (
  SELECT a.entry, a.event_at, a.kind, a.action, a.incident, COALESCE(a.actor_id, a.subject_id) AS who,
         CASE WHEN a.actor_id IS NULL AND a.subject_type <> 'human' THEN ' nobody put their name to it,' ELSE '' END
         || CASE WHEN a.occurred_at IS NULL THEN ' when it happened is not said,' ELSE '' END
         || CASE WHEN a.incident = '(sealed)' THEN ''
                 WHEN o.opened_at IS NULL THEN ' no entry opens the incident,'
                 WHEN o.opened_at > a.event_at + CAST($clock_skew_seconds AS BIGINT) * 1000000 THEN ' the incident was opened only afterwards,' ELSE '' END AS faults
  FROM acts a
  LEFT JOIN opened o ON o.incident = a.incident
)
SELECT incident AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN incident = '(sealed)' THEN 'insufficient' ELSE 'pass' END AS outcome,
       'This ' || kind || COALESCE(' (' || action || ')', '')
         || CASE WHEN faults <> '' THEN ' is not fully recorded:' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
                 WHEN incident = '(sealed)' THEN ' belongs to an incident whose id is sealed.'
                 ELSE ' was done by ' || who || '.' END AS reason,
       entry AS entries,
       event_at AS at
FROM judged
ORDER BY incident, entry
