-- In the source's own order: the entries between two of its heartbeats, the heartbeats themselves not counted.
WITH sent AS (
  SELECT e.source_id, e.entry, e.event_at, e.subject_id,
         CASE WHEN e.kind = 'lifecycle' AND e.action = 'source.heartbeat' THEN 1 ELSE 0 END AS beats,
         ROW_NUMBER() OVER (PARTITION BY e.source_id ORDER BY COALESCE(e.source_sequence, e.entry), e.entry) AS place,
         COALESCE(e.source_sequence, 1) AS own_number
  FROM entries e
),
first_numbers AS (
  SELECT source_id, MIN(own_number) AS first_number FROM sent GROUP BY source_id
),
beats AS (
  SELECT source_id, entry, event_at, place,
         LAG(place) OVER (PARTITION BY source_id ORDER BY place) AS place_before,
         LAG(entry) OVER (PARTITION BY source_id ORDER BY place) AS entry_before
  FROM sent
  WHERE beats = 1
),
counted AS (
  SELECT b.source_id, b.entry, b.event_at, b.entry_before, CAST(NULLIF(c.value, '(sealed)') AS BIGINT) AS said,
         b.place - COALESCE(b.place_before, 0) - 1 AS arrived
  FROM beats b
  JOIN labels c ON c.entry = b.entry AND c.name = 'count'
  JOIN first_numbers f ON f.source_id = b.source_id
  WHERE b.event_at >= $from AND b.event_at < $to AND (b.place_before IS NOT NULL OR f.first_number = 1)
)
SELECT source_id AS subject,
       CASE WHEN said IS NULL THEN 'insufficient' WHEN said = arrived THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN said IS NULL THEN 'The count is sealed.'
            ELSE 'The source counted ' || CAST(said AS VARCHAR) || ' events since its sign of life before; entries that arrived: ' || CAST(arrived AS VARCHAR) || '.' END AS reason,
       COALESCE(CAST(entry_before AS VARCHAR) || ',', '') || CAST(entry AS VARCHAR) AS entries,
       event_at AS at
FROM counted
ORDER BY source_id, entry
