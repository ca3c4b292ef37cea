-- Complete when registered; off within the limit after the first of: stated end, end of the relation with the supplier.
WITH told AS (
  SELECT i.id, i.start_entry, i.starts_at, i.ends_at, i.end_entry, e.approval_valid_until AS until_at,
         MAX(CASE WHEN l.name = 'supplier' THEN l.value END) AS supplier,
         MAX(CASE WHEN l.name = 'sponsor' THEN l.value END) AS sponsor,
         MAX(CASE WHEN l.name = 'purpose' THEN l.value END) AS purpose
  FROM identity_intervals i
  JOIN entries e ON e.entry = i.start_entry
  JOIN labels l ON l.entry = i.start_entry AND l.name IN ('supplier', 'sponsor', 'purpose')
  WHERE i.starts_at < $to
  GROUP BY i.id, i.start_entry, i.starts_at, i.ends_at, i.end_entry, e.approval_valid_until
),
relation_ends AS (
  SELECT l.value AS supplier, e.event_at, e.entry
  FROM entries e
  JOIN labels l ON l.entry = e.entry AND l.name = 'supplier'
  WHERE e.kind = 'lifecycle' AND e.action = 'supplier.end' AND e.outcome NOT IN ('deny', 'failure', 'error')
),
first_ends AS (
  SELECT t.start_entry, r.event_at, r.entry AS relation_entry, ROW_NUMBER() OVER (PARTITION BY t.start_entry ORDER BY r.event_at, r.entry) AS n
  FROM told t
  JOIN relation_ends r ON r.supplier = t.supplier AND r.event_at >= t.starts_at
),
bounds AS (
  SELECT t.id, t.start_entry, t.starts_at, t.ends_at, t.end_entry, t.until_at, t.supplier, t.sponsor, t.purpose,
         CASE WHEN f.event_at IS NOT NULL AND (t.until_at IS NULL OR f.event_at < t.until_at) THEN f.event_at ELSE t.until_at END AS end_due,
         f.relation_entry
  FROM told t
  LEFT JOIN first_ends f ON f.start_entry = t.start_entry AND f.n = 1
  WHERE t.supplier IS NOT NULL
),
own_uses AS (
  -- Numbered only so that engines work this out once, before the join.
  SELECT subject_id, entry, event_at, ROW_NUMBER() OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS n
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND event_at >= $from AND event_at < $to
    AND subject_id IN (SELECT id FROM bounds)
),
uses AS (
  SELECT b.start_entry, COUNT(*) AS uses, MIN(e.entry) AS use_entry, MAX(e.event_at) AS last_at
  FROM bounds b
  JOIN own_uses e ON e.subject_id = b.id
  WHERE e.event_at > b.end_due + $supplier_exit_hours * 3600000000
  GROUP BY b.start_entry
),
judged AS (
  SELECT b.id, b.start_entry, b.relation_entry, b.end_entry, b.ends_at, b.end_due, u.use_entry, u.last_at,
         CASE WHEN b.sponsor IS NULL THEN ' It has no sponsor.' ELSE '' END
         || CASE WHEN b.purpose IS NULL THEN ' It has no purpose.' ELSE '' END
         || CASE WHEN b.until_at IS NULL THEN ' Its access has no end.' ELSE '' END
         || CASE WHEN u.uses > 0 THEN ' It was let in after its access should have ended, times in the period: ' || CAST(u.uses AS VARCHAR) || '.' ELSE '' END
         || CASE WHEN b.end_due + $supplier_exit_hours * 3600000000 < $to
                  AND (b.ends_at IS NULL OR b.ends_at > b.end_due + $supplier_exit_hours * 3600000000)
                 THEN ' It was still active more than ' || CAST($supplier_exit_hours AS VARCHAR) || ' hours after its access should have ended.' ELSE '' END AS faults,
         b.supplier
  FROM bounds b
  LEFT JOIN uses u ON u.start_entry = b.start_entry
  WHERE b.ends_at IS NULL OR b.ends_at > $from OR u.uses > 0
)
SELECT id AS subject,
       CASE WHEN faults = '' THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN faults = '' THEN 'Sponsored, with a purpose and an end, and not active beyond it.'
            ELSE 'Identity of ' || supplier || '.' || faults END AS reason,
       CAST(start_entry AS VARCHAR)
         || CASE WHEN end_due < $to THEN COALESCE(',' || CAST(relation_entry AS VARCHAR), '') ELSE '' END
         || COALESCE(',' || CAST(use_entry AS VARCHAR), '') AS entries,
       COALESCE(last_at, CASE WHEN end_due < $to THEN end_due ELSE $to - 1 END) AS at
FROM judged
ORDER BY id, start_entry
