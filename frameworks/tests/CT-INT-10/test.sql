-- The ledger records its own exports and readings; each record must be usable as evidence itself.
WITH acts AS (
  SELECT e.entry, e.event_at, e.action, e.resource_id, e.actor_id,
         MAX(CASE WHEN l.name = 'filter' THEN l.value END) AS asked_for,
         MAX(CASE WHEN l.name = 'digest' THEN l.value END) AS digest
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name IN ('filter', 'digest')
  WHERE e.kind = 'lifecycle' AND e.action IN ('ledger.export', 'ledger.read-sealed')
    AND e.outcome NOT IN ('deny', 'failure', 'error') AND e.event_at >= $from AND e.event_at < $to
  GROUP BY e.entry, e.event_at, e.action, e.resource_id, e.actor_id
),
judged AS (
  SELECT entry, event_at, action, actor_id, COALESCE(resource_id, 'entry ' || CAST(entry AS VARCHAR)) AS subject,
         CASE WHEN actor_id IS NULL THEN ' who took it,' ELSE '' END
         || CASE WHEN asked_for IS NULL THEN ' what was asked for,' ELSE '' END
         || CASE WHEN action = 'ledger.export' AND digest IS NULL THEN ' the digest of what left,' ELSE '' END AS missing
  FROM acts
)
SELECT subject,
       CASE WHEN missing = '' THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN missing = '' THEN CASE WHEN action = 'ledger.export' THEN 'Exported by ' ELSE 'Sealed values read by ' END || actor_id || ', with what was asked for.'
            ELSE 'The record does not say' || SUBSTR(missing, 1, LENGTH(missing) - 1) || '.' END AS reason,
       entry AS entries,
       event_at AS at
FROM judged
ORDER BY entry
