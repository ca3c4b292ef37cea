-- Age of a lasting secret = from its minting to the first of: next minting, replacement, withdrawal, expiry, end of the period.
WITH minted AS (
  SELECT credential_id, credential_type, subject_id, entry, event_at,
         COALESCE(credential_issued_at, event_at) AS born_at, credential_expires_at AS expires_at,
         LEAD(event_at) OVER (PARTITION BY credential_id ORDER BY event_at, entry) AS next_at
  FROM entries
  WHERE kind IN ('issuance', 'rotation') AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
),
seen AS (
  SELECT credential_id, MIN(credential_type) AS credential_type, MIN(subject_id) AS subject_id, MIN(entry) AS entry,
         MIN(event_at) AS event_at, MIN(credential_issued_at) AS born_at, MAX(credential_expires_at) AS expires_at
  FROM entries
  WHERE kind = 'decision' AND credential_id IS NOT NULL
    AND credential_type IN ('api-key', 'cloud-key', 'password', 'secret', 'ssh-key', 'certificate')
    AND credential_id NOT IN (SELECT credential_id FROM minted)
  GROUP BY credential_id
  HAVING MIN(event_at) < $to AND MAX(event_at) >= $from
),
known AS (
  SELECT credential_id, credential_type, entry, event_at, born_at, expires_at, next_at FROM minted
  WHERE credential_type IS NULL
     OR credential_type IN ('api-key', 'cloud-key', 'password', 'secret', 'ssh-key', 'certificate')
  UNION ALL
  SELECT credential_id, credential_type, entry, event_at, born_at, expires_at, NULL FROM seen
),
stops AS (
  SELECT credential_id, event_at, entry FROM entries
  WHERE kind = 'revocation' AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  UNION ALL
  SELECT credential_replaces, event_at, entry FROM entries
  WHERE kind IN ('issuance', 'rotation') AND credential_replaces IS NOT NULL AND credential_replaces <> COALESCE(credential_id, '')
    AND outcome NOT IN ('deny', 'failure', 'error')
),
first_stops AS (
  SELECT k.credential_id, k.entry, s.event_at AS stopped_at, s.entry AS stop_entry,
         ROW_NUMBER() OVER (PARTITION BY k.credential_id, k.entry ORDER BY s.event_at, s.entry) AS n
  FROM known k
  JOIN stops s ON s.credential_id = k.credential_id AND s.event_at >= k.event_at
),
lives AS (
  SELECT k.credential_id, k.credential_type, k.entry, k.born_at, s.stop_entry,
         COALESCE(s.stopped_at, $to) AS stopped_at, COALESCE(k.next_at, $to) AS next_at, COALESCE(k.expires_at, $to) AS expires_at
  FROM known k
  LEFT JOIN first_stops s ON s.credential_id = k.credential_id AND s.entry = k.entry AND s.n = 1
),
ended AS (
  SELECT credential_id, credential_type, entry, born_at,
         CASE WHEN stopped_at <= next_at AND stopped_at <= expires_at THEN stop_entry END AS stop_entry,
         CASE WHEN stopped_at <= next_at AND stopped_at <= expires_at THEN stopped_at
              WHEN next_at <= expires_at THEN next_at
              ELSE expires_at END AS ended_at
  FROM lives
),
aged AS (
  SELECT credential_id, credential_type, entry, born_at, stop_entry,
         CASE WHEN ended_at < $to THEN ended_at ELSE $to END - born_at AS age,
         CASE WHEN ended_at < $to THEN 1 ELSE 0 END AS finished,
         CASE WHEN ended_at < $to THEN ended_at ELSE $to - 1 END AS shown_at
  FROM ended
  WHERE (born_at IS NULL OR born_at < $to) AND ended_at > $from
)
SELECT credential_id AS subject,
       CASE WHEN born_at IS NULL OR credential_type IS NULL THEN 'insufficient'
            WHEN age > $max_age_days * 86400000000 THEN 'fail'
            ELSE 'pass' END AS outcome,
       CASE WHEN born_at IS NULL THEN 'Seen in use, but no entry says when this ' || credential_type || ' was minted.'
            WHEN credential_type IS NULL THEN 'No entry says of which type it is, so which limit holds cannot be told.'
            ELSE 'The ' || credential_type || CASE WHEN finished = 1 THEN ' was in force for ' ELSE ' had been in force for ' END
                 || CAST(CAST((age - age % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days and ' || CAST(CAST(((age % 86400000000) - (age % 86400000000) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours'
                 || CASE WHEN finished = 1 THEN '' ELSE ' at the end of the period' END
                 || '; at most ' || CAST($max_age_days AS VARCHAR) || ' days are allowed.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(stop_entry AS VARCHAR), '') AS entries,
       shown_at AS at
FROM aged
ORDER BY credential_id, entry
