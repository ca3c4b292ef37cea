-- Rests on checks that a verifier really made; an entry that none of them reached is not proven.
WITH checked AS (
  SELECT e.entry, e.event_at,
         MAX(CASE WHEN r.check_id = 'inclusion' AND r.ok = 1 THEN 1 ELSE 0 END) AS included,
         MAX(CASE WHEN r.check_id = 'signature' AND r.ok = 1 THEN 1 ELSE 0 END) AS signed,
         MIN(CASE WHEN r.ok = 0 THEN r.check_id || ': ' || COALESCE(r.detail, 'no detail given') END) AS broken
  FROM entries e
  LEFT JOIN verified_ranges r
    ON r.check_id IN ('inclusion', 'signature') AND e.entry >= r.first_index AND e.entry < r.end_index
  GROUP BY e.entry, e.event_at
)
SELECT 'entry ' || CAST(entry AS VARCHAR) AS subject,
       CASE WHEN broken IS NOT NULL THEN 'fail' WHEN included = 1 AND signed = 1 THEN 'pass' ELSE 'insufficient' END AS outcome,
       CASE WHEN broken IS NOT NULL THEN 'The check failed: ' || broken || '.'
            WHEN included = 1 AND signed = 1 THEN 'Proven to be in the tree, under a head whose signature was checked.'
            WHEN included = 1 THEN 'In the tree, but no signature over its head was checked with a key from outside.'
            ELSE 'No proof that it is in the tree was checked.' END AS reason,
       entry AS entries,
       event_at AS at
FROM checked
ORDER BY entry
