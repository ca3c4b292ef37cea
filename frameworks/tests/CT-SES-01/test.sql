-- One row per session: its opening, or its first entry where no opening is recorded.
WITH session_entries AS (
  SELECT entry, event_at, subject_id, correlation_session AS id, context_mfa, context_device, action,
         ROW_NUMBER() OVER (PARTITION BY correlation_session
                            ORDER BY CASE WHEN action = 'session.open' THEN 0 ELSE 1 END, event_at, entry) AS n
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND correlation_session IS NOT NULL AND correlation_session <> '(sealed)'
    AND subject_type IN ('service-account', 'workload', 'api-key', 'token', 'certificate', 'agent')
),
openings AS (
  SELECT s.entry, s.event_at, s.subject_id, s.id, t.value AS session_type,
         CASE WHEN t.value = 'interactive' THEN ' it is an interactive session,' ELSE '' END
         || CASE WHEN s.context_mfa = 1 THEN ' several factors were shown,' ELSE '' END
         || CASE WHEN s.context_device IS NOT NULL THEN ' it came from a device,' ELSE '' END
         || CASE WHEN m.value IN ('passkey', 'password', 'otp', 'push') THEN ' it was opened by ' || m.value || ',' ELSE '' END AS signs
  FROM session_entries s
  LEFT JOIN labels t ON t.entry = s.entry AND t.name = 'session_type'
  LEFT JOIN labels m ON m.entry = s.entry AND m.name = 'auth_method'
  WHERE s.n = 1 AND s.event_at >= $from AND s.event_at < $to
)
SELECT subject_id AS subject,
       CASE WHEN signs <> '' THEN 'fail' WHEN session_type IS NULL OR session_type = '(sealed)' THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN signs <> '' THEN 'Session ' || id || ' shows a person:' || SUBSTR(signs, 1, LENGTH(signs) - 1) || '.'
            WHEN session_type IS NULL OR session_type = '(sealed)' THEN 'Of which type the session ' || id || ' is, is not recorded.'
            ELSE 'Session ' || id || ' is ' || session_type || ', without a sign of a person.' END AS reason,
       entry AS entries,
       event_at AS at
FROM openings
ORDER BY subject_id, entry
