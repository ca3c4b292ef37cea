-- Closed in time, by then assigned, and with a disposition.
WITH raised AS (
  SELECT e.entry, e.event_at, e.subject_id, l.value AS anomaly, e.event_at + $anomaly_hours * 3600000000 AS due_at
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name = 'anomaly'
  WHERE e.kind = 'lifecycle' AND e.action = 'anomaly.raise' AND e.event_at < $to
),
steps AS (
  SELECT l.value AS anomaly,
         MIN(CASE WHEN e.action = 'anomaly.assign' THEN e.event_at END) AS assigned_at,
         MIN(CASE WHEN e.action = 'anomaly.close' THEN e.event_at END) AS closed_at,
         MIN(CASE WHEN e.action = 'anomaly.close' THEN e.entry END) AS close_entry,
         MAX(CASE WHEN e.action = 'anomaly.close' THEN d.value END) AS disposition
  FROM labels l
  JOIN entries e ON e.entry = l.entry AND e.kind = 'lifecycle' AND e.action IN ('anomaly.assign', 'anomaly.close')
  LEFT JOIN labels d ON d.entry = l.entry AND d.name = 'disposition'
  WHERE l.name = 'anomaly'
  GROUP BY l.value
),
judged AS (
  SELECT r.entry, r.event_at, r.subject_id, r.anomaly, r.due_at, s.closed_at, s.close_entry, s.disposition,
         CASE WHEN s.closed_at IS NULL OR s.closed_at >= $to THEN ' still open ' || CAST(CAST((($to - r.event_at) - ($to - r.event_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days later,'
              WHEN s.closed_at > r.due_at THEN ' closed only after ' || CAST(CAST(((s.closed_at - r.event_at) - (s.closed_at - r.event_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days and ' || CAST(CAST((((s.closed_at - r.event_at) % 86400000000) - ((s.closed_at - r.event_at) % 86400000000) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours,' ELSE '' END
         || CASE WHEN s.assigned_at IS NULL OR s.assigned_at > COALESCE(s.closed_at, s.assigned_at) THEN ' given to nobody,' ELSE '' END
         || CASE WHEN s.closed_at < $to AND s.disposition IS NULL THEN ' closed without a finding,' ELSE '' END AS faults
  FROM raised r
  LEFT JOIN steps s ON s.anomaly = r.anomaly
)
SELECT COALESCE(anomaly, 'entry ' || CAST(entry AS VARCHAR)) AS subject,
       CASE WHEN anomaly IS NULL OR anomaly = '(sealed)' THEN 'insufficient' WHEN faults <> '' THEN 'fail' ELSE 'pass' END AS outcome,
       CASE WHEN anomaly IS NULL OR anomaly = '(sealed)' THEN 'The anomaly about ' || subject_id || ' has no id, so what became of it cannot be found.'
            WHEN faults <> '' THEN 'Anomaly about ' || subject_id || ':' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '; '
                 || CAST($anomaly_hours AS VARCHAR) || ' hours are allowed.'
            ELSE 'Anomaly about ' || subject_id || ': closed as ' || disposition || ' after ' || CAST(CAST(((closed_at - event_at) - (closed_at - event_at) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(close_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
WHERE (due_at < $to OR closed_at < $to) AND (due_at >= $from OR closed_at IS NULL OR closed_at >= $from)
ORDER BY subject, entry
