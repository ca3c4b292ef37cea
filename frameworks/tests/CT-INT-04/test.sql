-- A source numbers what it sends; sorted by number, each must be one more than the one before.
WITH numbered AS (
  SELECT source_id, entry, event_at, source_sequence,
         LAG(source_sequence) OVER (PARTITION BY source_id ORDER BY source_sequence, entry) AS before_sequence,
         LAG(entry) OVER (PARTITION BY source_id ORDER BY source_sequence, entry) AS before_entry
  FROM entries
  WHERE source_sequence IS NOT NULL
),
breaks AS (
  SELECT source_id, entry, event_at, before_entry, before_sequence, source_sequence
  FROM numbered
  WHERE source_sequence - before_sequence <> 1 AND event_at >= $from AND event_at < $to
),
explained AS (
  SELECT e.entry, s.value AS source_id, CAST(a.value AS BIGINT) AS first_missing, CAST(z.value AS BIGINT) AS last_missing
  FROM entries e
  JOIN labels s ON s.entry = e.entry AND s.name = 'source'
  JOIN labels a ON a.entry = e.entry AND a.name = 'first_missing'
  JOIN labels z ON z.entry = e.entry AND z.name = 'last_missing'
  WHERE e.kind = 'lifecycle' AND e.action = 'source.gap'
),
judged AS (
  SELECT b.source_id, b.entry, b.event_at, b.before_entry, b.before_sequence, b.source_sequence, MIN(x.entry) AS record_entry
  FROM breaks b
  LEFT JOIN explained x ON x.source_id = b.source_id
    AND x.first_missing <= b.before_sequence + 1 AND x.last_missing >= b.source_sequence - 1
    AND b.source_sequence > b.before_sequence
  GROUP BY b.source_id, b.entry, b.event_at, b.before_entry, b.before_sequence, b.source_sequence
),
sources AS (
  SELECT source_id, COUNT(*) AS sent, COUNT(source_sequence) AS numbers, MIN(source_sequence) AS first_sequence,
         MAX(source_sequence) AS last_sequence, MIN(entry) AS first_entry, MAX(entry) AS last_entry, MAX(event_at) AS last_at
  FROM entries
  WHERE event_at >= $from AND event_at < $to AND source_format <> 'sealbook'
  GROUP BY source_id
)
SELECT s.source_id AS subject,
       CASE WHEN s.numbers < s.sent THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN s.numbers < s.sent
            THEN CAST(s.sent - s.numbers AS VARCHAR) || ' of ' || CAST(s.sent AS VARCHAR) || ' entries of this source carry no number, so a hole would not show.'
            ELSE 'Numbers ' || CAST(s.first_sequence AS VARCHAR) || ' to ' || CAST(s.last_sequence AS VARCHAR)
                 || ' are all there, once each.' END AS reason,
       CAST(s.first_entry AS VARCHAR) || COALESCE(',' || CAST(NULLIF(s.last_entry, s.first_entry) AS VARCHAR), '') AS entries,
       s.last_at AS at
FROM sources s
LEFT JOIN judged j ON j.source_id = s.source_id
WHERE j.source_id IS NULL
UNION ALL
SELECT source_id,
       CASE WHEN record_entry IS NULL THEN 'fail' ELSE 'insufficient' END,
       CASE WHEN source_sequence = before_sequence THEN 'Number ' || CAST(source_sequence AS VARCHAR) || ' came twice.'
            ELSE 'Missing numbers: ' || CAST(source_sequence - before_sequence - 1 AS VARCHAR) || ', between '
                 || CAST(before_sequence AS VARCHAR) || ' and ' || CAST(source_sequence AS VARCHAR)
                 || CASE WHEN record_entry IS NULL THEN ', and no entry explains the hole.'
                         ELSE '; entry ' || CAST(record_entry AS VARCHAR) || ' explains the hole, what was in it is not known.' END END,
       CAST(before_entry AS VARCHAR) || ',' || CAST(entry AS VARCHAR) || COALESCE(',' || CAST(record_entry AS VARCHAR), ''),
       event_at
FROM judged
ORDER BY 1, 5, 4
