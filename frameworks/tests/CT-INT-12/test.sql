-- Retained without a hole from = the entry after the last index that a verifier could not account for.
WITH broken AS (
  SELECT MAX(end_index) AS end_index FROM verified_ranges WHERE check_id = 'completeness' AND ok = 0
),
held AS (
  SELECT MIN(e.entry) AS entry
  FROM entries e
  CROSS JOIN broken b
  WHERE b.end_index IS NULL OR e.entry >= b.end_index
),
measured AS (
  SELECT l.origin, l.end_entry, l.last_recorded_at, h.entry, e.recorded_at, e.event_at,
         l.last_recorded_at - e.recorded_at AS age,
         (SELECT COUNT(*) FROM verified_ranges WHERE check_id = 'completeness' AND ok = 1) AS checks
  FROM ledger l
  CROSS JOIN held h
  LEFT JOIN entries e ON e.entry = h.entry
  WHERE l.end_entry > 0
)
SELECT COALESCE(origin, 'this ledger') AS subject,
       CASE WHEN checks = 0 AND (entry = 0 OR entry IS NULL) THEN 'insufficient'
            WHEN entry = 0 OR age >= $keep_days * 86400000000 THEN 'pass'
            ELSE 'fail' END AS outcome,
       CASE WHEN checks = 0 AND (entry = 0 OR entry IS NULL) THEN 'Whether an entry is missing was not checked.'
            WHEN entry = 0 AND age < $keep_days * 86400000000
            THEN 'The ledger is ' || CAST(CAST((age - age % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days old, younger than the ' || CAST($keep_days AS VARCHAR) || ' days to keep, and whole from its first entry on.'
            WHEN entry = 0 OR age >= $keep_days * 86400000000
            THEN 'The last ' || CAST(CAST((age - age % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days are there without a hole; ' || CAST($keep_days AS VARCHAR) || ' days are to be kept.'
            WHEN entry IS NULL THEN 'Nothing is left that a verifier could account for.'
            ELSE 'Only the last ' || CAST(CAST((age - age % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days are there without a hole'
                 || CASE WHEN age < $at_hand_days * 86400000000 THEN ', less than the ' || CAST($at_hand_days AS VARCHAR) || ' days that must be at hand'
                         ELSE '' END
                 || '; ' || CAST($keep_days AS VARCHAR) || ' days are to be kept.' END AS reason,
       entry AS entries,
       event_at AS at
FROM measured
ORDER BY 1
