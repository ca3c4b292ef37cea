-- A withdrawn credential must not be accepted later than its withdrawal plus the time to spread.
-- `life` counts how often the credential was minted so far, so that a later minting ends a withdrawal.
WITH events AS (
  SELECT credential_id, entry, event_at,
         CASE WHEN kind IN ('issuance', 'rotation') THEN 1 ELSE 0 END AS minted,
         CASE WHEN kind = 'revocation' THEN 1 ELSE 0 END AS withdrawn,
         CASE WHEN kind = 'decision' AND outcome IN ('allow', 'success') THEN 1 ELSE 0 END AS used
  FROM entries
  WHERE credential_id IS NOT NULL
    AND kind IN ('issuance', 'rotation', 'revocation', 'decision')
    AND outcome NOT IN ('deny', 'failure', 'error')
),
lives AS (
  SELECT credential_id, entry, event_at, withdrawn, used,
         SUM(minted) OVER (PARTITION BY credential_id ORDER BY event_at, entry
                           ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS life
  FROM events
),
first_withdrawals AS (
  SELECT credential_id, life, entry, event_at,
         ROW_NUMBER() OVER (PARTITION BY credential_id, life ORDER BY event_at, entry) AS n
  FROM lives
  WHERE withdrawn = 1
),
late_uses AS (
  SELECT w.credential_id, w.life, u.entry, u.event_at,
         ROW_NUMBER() OVER (PARTITION BY w.credential_id, w.life ORDER BY u.event_at, u.entry) AS first_n,
         ROW_NUMBER() OVER (PARTITION BY w.credential_id, w.life ORDER BY u.event_at DESC, u.entry DESC) AS last_n
  FROM first_withdrawals w
  JOIN lives u ON u.credential_id = w.credential_id AND u.life = w.life AND u.used = 1
  WHERE w.n = 1
    AND u.event_at > w.event_at + CAST($propagation_seconds AS BIGINT) * 1000000
    AND u.event_at >= $from AND u.event_at < $to
),
late AS (
  SELECT credential_id, life, COUNT(*) AS uses, MAX(event_at) AS last_at,
         MAX(CASE WHEN first_n = 1 THEN entry END) AS first_entry,
         MAX(CASE WHEN last_n = 1 THEN entry END) AS last_entry
  FROM late_uses
  GROUP BY credential_id, life
)
SELECT w.credential_id AS subject,
       CASE WHEN l.uses IS NULL THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN l.uses IS NULL
            THEN 'Withdrawn, and not accepted in the period more than ' || CAST($propagation_seconds AS VARCHAR) || ' seconds later.'
            ELSE 'Still accepted after its withdrawal (uses in the period: ' || CAST(l.uses AS VARCHAR) || '), the last time '
                 || CAST(CAST(((l.last_at - w.event_at) - (l.last_at - w.event_at) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes after it; '
                 || CAST($propagation_seconds AS VARCHAR) || ' seconds are allowed.' END AS reason,
       CAST(w.entry AS VARCHAR)
         || COALESCE(',' || CAST(l.first_entry AS VARCHAR), '')
         || COALESCE(',' || CAST(NULLIF(l.last_entry, l.first_entry) AS VARCHAR), '') AS entries,
       COALESCE(l.last_at, w.event_at) AS at
FROM first_withdrawals w
LEFT JOIN late l ON l.credential_id = w.credential_id AND l.life = w.life
WHERE w.n = 1 AND w.event_at < $to
ORDER BY w.credential_id, w.event_at, w.entry
