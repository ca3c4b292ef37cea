-- A stop needs somebody, a reason and a later start; a start after a start means a stop that nobody recorded.
-- What the ledger says of itself cannot name who pulled the plug: there the gap is shown, and nothing concluded.
WITH acts AS (
  SELECT e.subject_id, e.entry, e.event_at, e.actor_id,
         CASE WHEN e.action IN ('service.stopped', 'source.stop', 'source.pause') THEN 1 ELSE 0 END AS stops,
         CASE WHEN e.reason IS NOT NULL OR t.entry IS NOT NULL THEN 1 ELSE 0 END AS explained,
         CASE WHEN e.source_format = 'sealbook' THEN 1 ELSE 0 END AS own
  FROM entries e
  LEFT JOIN (SELECT entry FROM labels WHERE name = 'ticket' GROUP BY entry) t ON t.entry = e.entry
  WHERE e.kind = 'lifecycle' AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.action IN ('service.started', 'service.stopped', 'source.start', 'source.stop', 'source.pause', 'source.resume')
),
steps AS (
  SELECT subject_id, entry, event_at, actor_id, stops, explained, own,
         LAG(stops) OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS stops_before,
         LAG(entry) OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS entry_before,
         LEAD(event_at) OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS next_at,
         LEAD(stops) OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS stops_next
  FROM acts
)
SELECT subject_id AS subject,
       CASE WHEN stops = 0 AND stops_before = 0
              OR stops = 1 AND (actor_id IS NULL OR explained = 0 OR stops_next = 1) THEN CASE WHEN own = 1 THEN 'insufficient' ELSE 'fail' END
            WHEN stops = 1 AND stops_next IS NULL THEN 'insufficient'
            ELSE 'pass' END AS outcome,
       CASE WHEN stops = 0 AND stops_before = 0 THEN 'It started while it counted as running: how and when it had stopped is not recorded.'
            WHEN stops = 0 THEN 'It started after a recorded stop, or for the first time.'
            WHEN actor_id IS NULL THEN 'It stopped, and the entry does not say who stopped it.'
            WHEN explained = 0 THEN 'It was stopped by ' || actor_id || ' without a reason or ticket.'
            WHEN stops_next = 1 THEN 'It stopped twice with no start in between, so how long it ran is not known.'
            WHEN stops_next IS NULL THEN 'It was stopped by ' || actor_id || ' and no start is recorded since.'
            ELSE 'It was stopped by ' || actor_id || ' with a reason, for ' || CAST(CAST(((next_at - event_at) - (next_at - event_at) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes.' END AS reason,
       CAST(entry AS VARCHAR) || CASE WHEN stops = 0 AND stops_before = 0 THEN ',' || CAST(entry_before AS VARCHAR) ELSE '' END AS entries,
       event_at AS at
FROM steps
WHERE event_at >= $from AND event_at < $to
ORDER BY subject_id, event_at, entry
