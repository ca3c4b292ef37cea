-- The ledger's clock bounds each entry from above. From below only prompt delivery does: a late entry of a source that
-- otherwise delivers promptly is a failure; for a source that delivers in bulk nothing can be concluded.
WITH read_entries AS (
  SELECT entry, event_at, source_id, occurred_at, recorded_at - occurred_at AS delay
  FROM entries
  WHERE event_at >= $from AND event_at < $to AND source_format <> 'sealbook'
),
habits AS (
  SELECT source_id, COUNT(*) AS sent, SUM(CASE WHEN delay <= CAST($max_delay_seconds AS BIGINT) * 1000000 THEN 1 ELSE 0 END) AS prompt
  FROM read_entries
  GROUP BY source_id
)
SELECT 'entry ' || CAST(e.entry AS VARCHAR) AS subject,
       CASE WHEN e.occurred_at IS NULL THEN 'insufficient'
            WHEN e.delay < 0 - CAST($clock_skew_seconds AS BIGINT) * 1000000 THEN 'fail'
            WHEN e.delay <= CAST($max_delay_seconds AS BIGINT) * 1000000 THEN 'pass'
            WHEN h.prompt * 2 > h.sent THEN 'fail'
            ELSE 'insufficient' END AS outcome,
       CASE WHEN e.occurred_at IS NULL THEN 'The producer states no time.'
            WHEN e.delay < 0 - CAST($clock_skew_seconds AS BIGINT) * 1000000 THEN 'It claims to have happened ' || CAST(CAST(((0 - e.delay) - (0 - e.delay) % 1000000) / 1000000 AS BIGINT) AS VARCHAR) || ' seconds after the ledger received it; '
                 || CAST($clock_skew_seconds AS VARCHAR) || ' seconds are tolerated.'
            WHEN e.delay <= CAST($max_delay_seconds AS BIGINT) * 1000000 THEN 'Received within ' || CAST($max_delay_seconds AS VARCHAR) || ' seconds.'
            WHEN h.prompt * 2 > h.sent THEN 'Received ' || CAST(CAST((e.delay - e.delay % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes and ' || CAST(CAST(((e.delay % 60000000) - (e.delay % 60000000) % 1000000) / 1000000 AS BIGINT) AS VARCHAR)
                 || ' seconds after it happened, although the source ' || e.source_id || ' otherwise delivers at once; '
                 || CAST($max_delay_seconds AS VARCHAR) || ' seconds are allowed.'
            ELSE 'Received ' || CAST(CAST((e.delay - e.delay % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours after it happened, like most of the source ' || e.source_id || ': its time rests on the word of the source.' END AS reason,
       e.entry AS entries,
       e.event_at AS at
FROM read_entries e
JOIN habits h ON h.source_id = e.source_id
ORDER BY e.entry
