-- Five things must follow (or accompany) the start of a break-glass elevation.
WITH started AS (
  SELECT e.entry, e.event_at, e.elevation_id, e.subject_id, e.credential_id, e.reason,
         MAX(CASE WHEN l.name = 'incident' THEN l.value END) AS incident,
         MAX(CASE WHEN l.name = 'ticket' THEN l.value END) AS ticket,
         e.event_at + $break_glass_review_days * 86400000000 AS due_at
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name IN ('incident', 'ticket')
  WHERE e.kind = 'elevation' AND e.elevation_verb = 'started' AND e.elevation_break_glass = 1
    AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.event_at + $break_glass_review_days * 86400000000 >= $from AND e.event_at + $break_glass_review_days * 86400000000 < $to
  GROUP BY e.entry, e.event_at, e.elevation_id, e.subject_id, e.credential_id, e.reason
),
alarms AS (
  SELECT elevation_id, MIN(event_at) AS raised_at, MIN(entry) AS alarm_entry
  FROM entries
  WHERE kind = 'lifecycle' AND action = 'alert.raise' AND elevation_id IS NOT NULL
  GROUP BY elevation_id
),
looks AS (
  SELECT s.entry, MIN(r.event_at) AS reviewed_at, MIN(r.entry) AS review_entry
  FROM started s
  JOIN entries r ON r.kind = 'review' AND r.review_scope = s.elevation_id AND COALESCE(r.actor_id, r.subject_id) <> s.subject_id
    AND r.event_at >= s.event_at AND r.outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY s.entry
),
own_looks AS (
  SELECT s.entry, MIN(r.entry) AS review_entry
  FROM started s
  JOIN entries r ON r.kind = 'review' AND r.review_scope = s.elevation_id AND COALESCE(r.actor_id, r.subject_id) = s.subject_id
  GROUP BY s.entry
),
credential_ends AS (
  SELECT credential_replaces AS credential_id, entry, event_at FROM entries
  WHERE kind IN ('rotation', 'issuance') AND credential_replaces IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  UNION ALL
  SELECT credential_id, entry, event_at FROM entries
  WHERE kind = 'revocation' AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
),
exchanges AS (
  SELECT s.entry, MIN(r.event_at) AS exchanged_at, MIN(r.entry) AS exchange_entry
  FROM started s
  JOIN credential_ends r ON r.credential_id = s.credential_id AND r.event_at >= s.event_at
  GROUP BY s.entry
),
judged AS (
  SELECT s.entry, s.event_at, s.elevation_id, s.subject_id, a.alarm_entry, l.review_entry, o.review_entry AS own_entry, x.exchange_entry,
         CASE WHEN s.reason IS NULL AND s.ticket IS NULL THEN ' no reason or ticket,' ELSE '' END
         || CASE WHEN s.incident IS NULL THEN ' no incident,' ELSE '' END
         || CASE WHEN a.raised_at IS NULL THEN ' no alarm,'
                 WHEN a.raised_at > s.event_at + CAST($alarm_minutes AS BIGINT) * 60000000 THEN ' an alarm only after ' || CAST(CAST(((a.raised_at - s.event_at) - (a.raised_at - s.event_at) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes,' ELSE '' END
         || CASE WHEN l.reviewed_at IS NULL AND o.review_entry IS NOT NULL THEN ' a look only by the person who used it,'
                 WHEN l.reviewed_at IS NULL THEN ' no look by another person,'
                 WHEN l.reviewed_at > s.due_at THEN ' a look by another person only after ' || CAST(CAST(((l.reviewed_at - s.event_at) - (l.reviewed_at - s.event_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days,' ELSE '' END
         || CASE WHEN s.credential_id IS NOT NULL AND (x.exchanged_at IS NULL OR x.exchanged_at > s.event_at + $break_glass_rotation_hours * 3600000000)
                 THEN ' no exchange of the credential within ' || CAST($break_glass_rotation_hours AS VARCHAR) || ' hours,' ELSE '' END AS faults,
         CASE WHEN s.credential_id IS NULL THEN 1 ELSE 0 END AS gaps
  FROM started s
  LEFT JOIN alarms a ON a.elevation_id = s.elevation_id
  LEFT JOIN looks l ON l.entry = s.entry
  LEFT JOIN own_looks o ON o.entry = s.entry
  LEFT JOIN exchanges x ON x.entry = s.entry
)
SELECT subject_id AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN gaps = 1 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN faults <> '' THEN 'Break-glass ' || COALESCE(elevation_id, 'without id') || ' has' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
            WHEN gaps = 1 THEN 'Break-glass ' || COALESCE(elevation_id, 'without id') || ' does not say which credential was used.'
            ELSE 'Break-glass ' || COALESCE(elevation_id, 'without id') || ' was explained, noticed, reviewed by another person, and its credential exchanged.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(alarm_entry AS VARCHAR), '') || COALESCE(',' || CAST(COALESCE(review_entry, own_entry) AS VARCHAR), '')
         || COALESCE(',' || CAST(exchange_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY subject_id, entry
