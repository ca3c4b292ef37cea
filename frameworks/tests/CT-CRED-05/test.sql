-- The old credential must end within the overlap; it is looked at when the overlap has run out.
WITH rotated AS (
  SELECT credential_id, credential_replaces AS old_id, entry, event_at, event_at + $overlap_hours * 3600000000 AS due_at
  FROM entries
  WHERE kind = 'rotation' AND outcome NOT IN ('deny', 'failure', 'error') AND event_at < $to
),
old_ends AS (
  SELECT credential_id, event_at AS ended_at FROM entries
  WHERE kind = 'revocation' AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  UNION ALL
  SELECT credential_id, credential_expires_at FROM entries
  WHERE kind IN ('issuance', 'rotation') AND credential_expires_at IS NOT NULL AND credential_id IS NOT NULL
),
ends AS (
  SELECT credential_id, MIN(ended_at) AS ended_at FROM old_ends GROUP BY credential_id
),
withdrawals AS (
  SELECT credential_id, MIN(entry) AS withdrawal_entry
  FROM entries
  WHERE kind = 'revocation' AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY credential_id
),
old_uses AS (
  -- Numbered only so that engines work this out once, before the join.
  SELECT credential_id, entry, event_at, ROW_NUMBER() OVER (PARTITION BY credential_id ORDER BY event_at, entry) AS n
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND event_at < $to
    AND credential_id IN (SELECT old_id FROM rotated WHERE old_id IS NOT NULL)
),
late_uses AS (
  SELECT r.entry, COUNT(*) AS uses, MIN(u.entry) AS use_entry
  FROM rotated r
  JOIN old_uses u ON u.credential_id = r.old_id
  WHERE u.event_at > r.due_at AND r.old_id <> COALESCE(r.credential_id, '')
  GROUP BY r.entry
),
judged AS (
  SELECT r.entry, r.event_at, r.due_at, COALESCE(r.credential_id, 'entry ' || CAST(r.entry AS VARCHAR)) AS subject, r.old_id,
         CASE WHEN r.old_id = r.credential_id THEN r.event_at ELSE e.ended_at END AS ended_at,
         w.withdrawal_entry, COALESCE(u.uses, 0) AS uses, u.use_entry
  FROM rotated r
  LEFT JOIN ends e ON e.credential_id = r.old_id
  LEFT JOIN withdrawals w ON w.credential_id = r.old_id
  LEFT JOIN late_uses u ON u.entry = r.entry
)
SELECT subject,
       CASE WHEN old_id IS NULL THEN 'insufficient'
            WHEN ended_at IS NULL OR ended_at > due_at OR uses > 0 THEN 'fail' ELSE 'pass' END AS outcome,
       CASE WHEN old_id IS NULL THEN 'The rotation does not say which credential it replaced.'
            WHEN uses > 0 THEN 'The old credential ' || old_id || ' was still accepted after the overlap of ' || CAST($overlap_hours AS VARCHAR)
                 || ' hours, uses: ' || CAST(uses AS VARCHAR) || '.'
            WHEN ended_at IS NULL OR ended_at >= $to THEN 'The old credential ' || old_id || ' was never withdrawn; '
                 || CAST($overlap_hours AS VARCHAR) || ' hours of overlap are allowed.'
            WHEN ended_at < event_at THEN 'The old credential ' || old_id || ' had ended before it was replaced.'
            ELSE 'The old credential ' || old_id || ' ended ' || CAST(CAST(((ended_at - event_at) - (ended_at - event_at) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours and '
                 || CAST(CAST((((ended_at - event_at) % 3600000000) - ((ended_at - event_at) % 3600000000) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes after it was replaced; '
                 || CAST($overlap_hours AS VARCHAR) || ' hours are allowed.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(withdrawal_entry AS VARCHAR), '') || COALESCE(',' || CAST(use_entry AS VARCHAR), '') AS entries,
       due_at AS at
FROM judged
WHERE due_at < $to AND (due_at >= $from OR ended_at IS NULL OR ended_at >= $from OR uses > 0 AND old_id IS NOT NULL)
ORDER BY subject, entry
