-- An order takes effect within the limit; it holds until the agent is put into service again.
WITH orders AS (
  SELECT e.entry, e.event_at, e.subject_id, e.event_at + CAST($stop_seconds AS BIGINT) * 1000000 AS due_at, d.value AS drill
  FROM entries e
  LEFT JOIN labels d ON d.entry = e.entry AND d.name = 'drill' AND d.value = 'true'
  WHERE e.kind = 'lifecycle' AND e.lifecycle_verb = 'disabled' AND e.subject_type = 'agent' AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.event_at < $to
),
back AS (
  SELECT o.entry, MIN(i.starts_at) AS back_at
  FROM orders o
  LEFT JOIN identity_intervals i ON i.id = o.subject_id AND i.starts_at > o.event_at
  GROUP BY o.entry
),
own_uses AS (
  -- Numbered only so that engines work this out once, before the join.
  SELECT subject_id, entry, event_at, ROW_NUMBER() OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS n
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND event_at < $to
    AND subject_id IN (SELECT subject_id FROM orders)
),
uses AS (
  SELECT o.entry, SUM(CASE WHEN u.event_at > o.due_at THEN 1 ELSE 0 END) AS late, MAX(u.event_at) AS last_at,
         MIN(CASE WHEN u.event_at > o.due_at THEN u.entry END) AS late_entry
  FROM orders o
  JOIN back b ON b.entry = o.entry
  JOIN own_uses u ON u.subject_id = o.subject_id
  WHERE u.event_at > o.event_at AND (b.back_at IS NULL OR u.event_at < b.back_at)
  GROUP BY o.entry
),
agents AS (
  SELECT MIN(i.starts_at) AS first_at, COUNT(*) AS n
  FROM identity_intervals i
  JOIN entries e ON e.entry = i.start_entry AND e.subject_type = 'agent'
  WHERE i.starts_at < $to AND (i.ends_at IS NULL OR i.ends_at > $from)
),
drills AS (
  SELECT MAX(event_at) AS drilled_at, MAX(entry) AS drill_entry FROM orders WHERE drill = 'true'
)
SELECT o.subject_id AS subject,
       CASE WHEN u.late > 0 THEN 'fail' ELSE 'pass' END AS outcome,
       CASE WHEN u.late > 0 THEN 'Told to stop, but still let in ' || CAST(CAST(((u.last_at - o.event_at) - (u.last_at - o.event_at) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes and '
                 || CAST(CAST((((u.last_at - o.event_at) % 60000000) - ((u.last_at - o.event_at) % 60000000) % 1000000) / 1000000 AS BIGINT) AS VARCHAR) || ' seconds later, times after the limit: ' || CAST(u.late AS VARCHAR)
                 || '; ' || CAST($stop_seconds AS VARCHAR) || ' seconds are allowed.'
            WHEN u.last_at IS NULL THEN 'Told to stop, and not let in any more.'
            ELSE 'Told to stop, and last let in ' || CAST(CAST(((u.last_at - o.event_at) - (u.last_at - o.event_at) % 1000000) / 1000000 AS BIGINT) AS VARCHAR) || ' seconds later.' END AS reason,
       CAST(o.entry AS VARCHAR) || COALESCE(',' || CAST(u.late_entry AS VARCHAR), '') AS entries,
       o.event_at AS at
FROM orders o
LEFT JOIN uses u ON u.entry = o.entry
WHERE o.event_at >= $from OR u.late > 0 AND u.last_at >= $from
UNION ALL
SELECT 'drill of stopping',
       CASE WHEN d.drilled_at >= $to - $drill_days * 86400000000 THEN 'pass'
            WHEN a.first_at <= $to - $drill_days * 86400000000 THEN 'fail' ELSE 'insufficient' END,
       CASE WHEN d.drilled_at >= $to - $drill_days * 86400000000 THEN 'Stopping an agent was last tried ' || CAST(CAST((($to - d.drilled_at) - ($to - d.drilled_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days before the end of the period.'
            ELSE 'Agents in service: ' || CAST(a.n AS VARCHAR) || '; stopping one '
                 || CASE WHEN d.drilled_at IS NULL THEN 'was never tried' ELSE 'was last tried ' || CAST(CAST((($to - d.drilled_at) - ($to - d.drilled_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days before the end of the period' END
                 || CASE WHEN a.first_at <= $to - $drill_days * 86400000000 THEN '; it must be tried every ' ELSE ', and is not due yet: to be tried every ' END
                 || CAST($drill_days AS VARCHAR) || ' days.' END,
       CAST(d.drill_entry AS VARCHAR), COALESCE(d.drilled_at, $to - 1)
FROM agents a
CROSS JOIN drills d
WHERE a.n > 0
ORDER BY 1, 5, 4 NULLS FIRST
