-- The ledger records its own exports and readings before they happen; a pack names the entry that records it.
WITH acts AS (
  SELECT e.entry, e.event_at, e.action, e.resource_id, e.actor_id,
         -- A pack whose record names no framework was asked for all of them.
         COALESCE(MAX(l.value), CASE WHEN e.action = 'pack.exported' THEN 'all frameworks' END) AS asked_for
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name IN ('filter', 'frameworks', 'entry')
  WHERE e.kind = 'lifecycle' AND e.action IN ('ledger.export', 'pack.exported', 'ledger.read-sealed', 'sealed.read')
    AND e.outcome NOT IN ('deny', 'failure', 'error') AND e.event_at >= $from AND e.event_at < $to
  GROUP BY e.entry, e.event_at, e.action, e.resource_id, e.actor_id
)
SELECT COALESCE(resource_id, 'entry ' || CAST(entry AS VARCHAR)) AS subject,
       CASE WHEN actor_id IS NULL AND asked_for IS NULL THEN 'fail'
            WHEN actor_id IS NULL OR asked_for IS NULL THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN action IN ('ledger.read-sealed', 'sealed.read') THEN 'Sealed values were read' ELSE 'Evidence was taken out' END
         || CASE WHEN actor_id IS NULL AND asked_for IS NULL THEN ', but the record says neither by whom nor what was asked for.'
                 WHEN actor_id IS NULL THEN '; what was asked for is recorded, by whom is not.'
                 WHEN asked_for IS NULL THEN ' by ' || actor_id || ', but what was asked for is not recorded.'
                 ELSE ' by ' || actor_id || ', and what was asked for is recorded.' END AS reason,
       entry AS entries,
       event_at AS at
FROM acts
ORDER BY entry
