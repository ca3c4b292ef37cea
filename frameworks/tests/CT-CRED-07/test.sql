-- The store must be registered as a secret store before it hands anything out, and still be in service.
WITH minted AS (
  SELECT e.entry, e.event_at, e.credential_id, e.credential_type, l.value AS store
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name = 'store'
  WHERE e.kind IN ('issuance', 'rotation') AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.event_at >= $from AND e.event_at < $to
    AND (e.credential_type IN ('api-key', 'cloud-key', 'password', 'secret') OR l.value IS NOT NULL)
),
stores AS (
  SELECT i.id, i.starts_at, i.ends_at
  FROM identity_intervals i
  JOIN labels c ON c.entry = i.start_entry AND c.name = 'component' AND c.value = 'secret-store'
),
register_size AS (
  SELECT COUNT(*) AS n FROM stores
),
judged AS (
  SELECT m.entry, m.event_at, m.credential_id, m.credential_type, m.store, z.n AS stores_known,
         COUNT(s.id) AS registered,
         MAX(CASE WHEN s.starts_at <= m.event_at AND (s.ends_at IS NULL OR s.ends_at > m.event_at) THEN 1 ELSE 0 END) AS in_service
  FROM minted m
  CROSS JOIN register_size z
  LEFT JOIN stores s ON s.id = m.store
  GROUP BY m.entry, m.event_at, m.credential_id, m.credential_type, m.store, z.n
)
SELECT COALESCE(credential_id, 'entry ' || CAST(entry AS VARCHAR)) AS subject,
       CASE WHEN store IS NULL OR store = '(sealed)' OR stores_known = 0 THEN 'insufficient' WHEN in_service = 1 THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN store IS NULL OR store = '(sealed)' THEN 'No entry says through which store this ' || credential_type || ' was handed out.'
            WHEN stores_known = 0 THEN 'Handed out through ' || store || '; the ledger registers no stores for secrets, so whether this is one cannot be told.'
            WHEN in_service = 1 THEN 'Handed out through ' || store || ', a registered store.'
            WHEN registered > 0 THEN 'Handed out through ' || store || ', which was not in service as a store at that time.'
            ELSE 'Handed out through ' || store || ', which is not registered as a store for secrets.' END AS reason,
       entry AS entries,
       event_at AS at
FROM judged
ORDER BY subject, entry
