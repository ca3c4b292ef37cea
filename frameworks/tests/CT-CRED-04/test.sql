-- Two questions for each minting: is its life bounded by the limit of its kind, and do all its uses lie within that life?
WITH limits AS (
  SELECT 'x509-svid' AS type, $max_svid_hours * 3600000000 AS life
  UNION ALL SELECT 'jwt-svid', $max_svid_hours * 3600000000
  UNION ALL SELECT 'oidc-token', $max_token_hours * 3600000000
  UNION ALL SELECT 'token', $max_token_hours * 3600000000
  UNION ALL SELECT 'ssh-key', $max_key_life_days * 86400000000
  UNION ALL SELECT 'api-key', $max_key_life_days * 86400000000
  UNION ALL SELECT 'cloud-key', $max_key_life_days * 86400000000
  UNION ALL SELECT 'password', $max_key_life_days * 86400000000
  UNION ALL SELECT 'secret', $max_key_life_days * 86400000000
  UNION ALL SELECT 'certificate', $max_certificate_life_days * 86400000000
),
events AS (
  SELECT credential_id, entry, event_at, kind, credential_type, credential_issued_at, credential_expires_at,
         CASE WHEN kind = 'decision' THEN 0 ELSE 1 END AS minted
  FROM entries
  WHERE credential_id IS NOT NULL
    AND (kind IN ('issuance', 'rotation') AND outcome NOT IN ('deny', 'failure', 'error')
         OR kind = 'decision' AND outcome IN ('allow', 'success'))
),
lives AS (
  SELECT credential_id, entry, event_at, kind, credential_type, credential_issued_at, credential_expires_at, minted,
         SUM(minted) OVER (PARTITION BY credential_id ORDER BY event_at, entry
                           ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS life,
         SUM(minted) OVER (PARTITION BY credential_id) AS mintings
  FROM events
),
withdrawn AS (
  SELECT credential_id, MAX(event_at) AS withdrawn_at
  FROM entries
  WHERE kind = 'revocation' AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY credential_id
),
mintings AS (
  SELECT m.credential_id, m.life, m.entry, m.event_at, m.credential_type AS type,
         COALESCE(m.credential_issued_at, m.event_at) AS starts_at, m.credential_expires_at AS ends_at,
         CASE WHEN w.withdrawn_at >= m.event_at AND w.withdrawn_at < $to THEN w.withdrawn_at ELSE $to - 1 END AS in_force_at
  FROM lives m
  LEFT JOIN withdrawn w ON w.credential_id = m.credential_id
  WHERE m.minted = 1 AND m.event_at < $to
    AND (m.credential_expires_at IS NULL OR m.credential_expires_at >= $from)
    AND (w.withdrawn_at IS NULL OR w.withdrawn_at < m.event_at OR w.withdrawn_at >= $from)
),
uses AS (
  -- A use before the first minting of a credential that is minted later belongs to that first minting.
  SELECT credential_id, CASE WHEN life = 0 AND mintings > 0 THEN 1 ELSE life END AS life,
         entry, event_at, credential_expires_at, mintings
  FROM lives
  WHERE minted = 0 AND event_at >= $from AND event_at < $to
),
strays AS (
  SELECT u.credential_id, u.life, COUNT(*) AS strays, MIN(u.entry) AS entry, MAX(u.event_at) AS last_at
  FROM uses u
  JOIN mintings m ON m.credential_id = u.credential_id AND m.life = u.life
  WHERE u.event_at < m.starts_at - CAST($clock_skew_seconds AS BIGINT) * 1000000 OR u.event_at > m.ends_at
  GROUP BY u.credential_id, u.life
),
judged AS (
  SELECT m.credential_id, m.entry, m.event_at, m.type, s.strays, s.entry AS stray_entry, s.last_at,
         m.ends_at, m.ends_at - m.starts_at AS span, l.life AS allowed,
         CASE WHEN m.ends_at < m.in_force_at THEN m.ends_at ELSE m.in_force_at END AS in_force_at
  FROM mintings m
  LEFT JOIN strays s ON s.credential_id = m.credential_id AND s.life = m.life
  LEFT JOIN limits l ON l.type = m.type
),
unknown_origin AS (
  SELECT credential_id, COUNT(*) AS uses, MAX(event_at) AS last_at, MIN(entry) AS entry,
         SUM(CASE WHEN event_at > credential_expires_at THEN 1 ELSE 0 END) AS strays,
         MIN(CASE WHEN event_at > credential_expires_at THEN entry END) AS stray_entry
  FROM uses
  WHERE mintings = 0 AND credential_expires_at IS NOT NULL
  GROUP BY credential_id
)
SELECT credential_id AS subject,
       CASE WHEN strays > 0 OR ends_at IS NULL OR span > allowed THEN 'fail'
            WHEN allowed IS NULL THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN strays > 0 THEN 'Accepted outside its validity, uses in the period: ' || CAST(strays AS VARCHAR) || '.'
            WHEN ends_at IS NULL THEN 'Minted without an end.'
            WHEN span > allowed THEN 'This ' || type || ' lives for ' || CAST(CAST((span - span % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours and ' || CAST(CAST(((span % 3600000000) - (span % 3600000000) % 60000000) / 60000000 AS BIGINT) AS VARCHAR)
                 || ' minutes; at most ' || CAST(CAST((allowed - allowed % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours are allowed.'
            WHEN allowed IS NULL THEN 'No entry says of which type it is, so which limit holds cannot be told.'
            ELSE 'This ' || type || ' lives for ' || CAST(CAST((span - span % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours and ' || CAST(CAST(((span % 3600000000) - (span % 3600000000) % 60000000) / 60000000 AS BIGINT) AS VARCHAR)
                 || ' minutes, and was used only within that time.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(stray_entry AS VARCHAR), '') AS entries,
       COALESCE(last_at, in_force_at) AS at
FROM judged
UNION ALL
SELECT credential_id,
       CASE WHEN strays > 0 THEN 'fail' ELSE 'insufficient' END,
       CASE WHEN strays > 0 THEN 'Accepted after the end that its uses themselves state, uses in the period: ' || CAST(strays AS VARCHAR) || '.'
            ELSE 'Used within the end that its uses state, but no entry says when it was minted, so how long it lives cannot be told.' END,
       COALESCE(CAST(stray_entry AS VARCHAR), CAST(entry AS VARCHAR)),
       last_at
FROM unknown_origin
ORDER BY 1, 5, 4
