-- One row per consistency proof that was checked.
WITH pairs AS (
  SELECT first_index, end_index, MIN(ok) AS ok, MIN(CASE WHEN ok = 0 THEN COALESCE(detail, 'no detail given') END) AS detail
  FROM verified_ranges
  WHERE check_id = 'consistency'
  GROUP BY first_index, end_index
)
SELECT 'sizes ' || CAST(p.first_index AS VARCHAR) || ' and ' || CAST(p.end_index AS VARCHAR) AS subject,
       CASE WHEN p.ok = 1 THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN p.ok = 1 THEN 'The state of ' || CAST(p.end_index AS VARCHAR) || ' entries contains that of '
                               || CAST(p.first_index AS VARCHAR) || ' unchanged.'
            ELSE 'The later state does not contain the earlier one: ' || p.detail || '.' END AS reason,
       CAST(e.entry AS VARCHAR) AS entries,
       e.event_at AS at
FROM pairs p
LEFT JOIN entries e ON e.entry = p.end_index - 1
UNION ALL
SELECT COALESCE(l.origin, 'this ledger'), 'insufficient',
       'No proof between two checkpoints was checked, so a rewritten past would not show.', NULL, l.last_recorded_at
FROM ledger l
WHERE l.end_entry > 0 AND NOT EXISTS (SELECT 1 FROM pairs)
ORDER BY 1, 5 NULLS FIRST
