-- The indexes must follow each other, and a verifier must have rebuilt the tree from exactly these.
WITH numbered AS (
  SELECT entry, event_at, LAG(entry) OVER (ORDER BY entry) AS before_entry
  FROM entries
),
checked AS (
  SELECT n.entry, n.event_at, n.before_entry,
         MAX(CASE WHEN r.ok = 1 THEN 1 ELSE 0 END) AS complete,
         MIN(CASE WHEN r.ok = 0 THEN COALESCE(r.detail, 'no detail given') END) AS broken
  FROM numbered n
  LEFT JOIN verified_ranges r ON r.check_id = 'completeness' AND n.entry >= r.first_index AND n.entry < r.end_index
  GROUP BY n.entry, n.event_at, n.before_entry
)
SELECT 'entry ' || CAST(entry AS VARCHAR) AS subject,
       CASE WHEN entry - before_entry > 1 OR broken IS NOT NULL THEN 'fail'
            WHEN complete = 1 THEN 'pass' ELSE 'insufficient' END AS outcome,
       CASE WHEN entry - before_entry > 1 THEN 'Entries not there before it: ' || CAST(entry - before_entry - 1 AS VARCHAR) || '.'
            WHEN broken IS NOT NULL THEN 'The tree cannot be rebuilt here: ' || broken || '.'
            WHEN complete = 1 THEN 'Its place in the rebuilt tree is filled by this very entry.'
            ELSE 'The tree was not rebuilt over this index.' END AS reason,
       entry AS entries,
       event_at AS at
FROM checked
ORDER BY entry
