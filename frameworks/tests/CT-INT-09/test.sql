-- A source is registered as a component under its own id; the label `kinds` lists what it may send.
WITH sent AS (
  SELECT source_id, kind, COUNT(*) AS n, MIN(entry) AS first_entry, MIN(event_at) AS first_at, MAX(event_at) AS last_at
  FROM entries
  WHERE event_at >= $from AND event_at < $to AND source_format <> 'sealbook'
  GROUP BY source_id, kind
),
registered AS (
  SELECT i.id, i.starts_at, i.ends_at, i.start_entry, k.value AS kinds
  FROM identity_intervals i
  JOIN labels k ON k.entry = i.start_entry AND k.name = 'kinds'
),
judged AS (
  SELECT s.source_id, s.kind, s.n, s.first_entry, s.first_at, s.last_at, COUNT(r.id) AS registrations, MAX(r.start_entry) AS start_entry,
         MAX(CASE WHEN r.starts_at <= s.first_at AND (r.ends_at IS NULL OR r.ends_at > s.last_at) THEN 1 ELSE 0 END) AS whole,
         MAX(CASE WHEN REPLACE(' ' || r.kinds || ' ', ' ' || s.kind || ' ', '') <> ' ' || r.kinds || ' ' THEN 1 ELSE 0 END) AS entitled,
         MAX(CASE WHEN r.kinds = '(sealed)' THEN 1 ELSE 0 END) AS hidden
  FROM sent s
  LEFT JOIN registered r ON r.id = s.source_id
  GROUP BY s.source_id, s.kind, s.n, s.first_entry, s.first_at, s.last_at
)
SELECT source_id AS subject,
       CASE WHEN registrations = 0 OR hidden = 1 THEN 'insufficient' WHEN entitled = 1 AND whole = 1 THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN registrations = 0 THEN 'No entry says what this source may send; events of kind ' || kind || ': ' || CAST(n AS VARCHAR) || '.'
            WHEN hidden = 1 THEN 'What this source may send is sealed.'
            WHEN entitled = 0 THEN 'It may not send events of kind ' || kind || ', but did: ' || CAST(n AS VARCHAR) || '.'
            WHEN whole = 0 THEN 'It sent events of kind ' || kind || ' while it was not registered.'
            ELSE 'It may send events of kind ' || kind || ' and did: ' || CAST(n AS VARCHAR) || '.' END AS reason,
       CAST(first_entry AS VARCHAR) || COALESCE(',' || CAST(start_entry AS VARCHAR), '') AS entries,
       last_at AS at
FROM judged
ORDER BY source_id, kind
