-- A session is opened by an allowed decision, bounded by the expiry of the credential shown there, and closed by an entry or by that expiry.
WITH session_entries AS (
  -- A withdrawal of something else that was ordered within a session does not end that session.
  SELECT correlation_session AS id, entry, event_at, kind, outcome, subject_id, action, credential_expires_at
  FROM entries
  WHERE correlation_session IS NOT NULL AND correlation_session <> '(sealed)'
    AND (kind = 'decision' OR kind = 'revocation' AND (action = 'session.close' OR resource_id = correlation_session))
),
spans AS (
  SELECT id, MIN(subject_id) AS subject_id, MIN(entry) AS any_entry,
         MIN(CASE WHEN kind = 'decision' AND action = 'session.open' AND outcome = 'allow' THEN event_at END) AS opened_at,
         MIN(CASE WHEN kind = 'decision' AND action = 'session.open' AND outcome = 'allow' THEN entry END) AS opening_entry,
         MAX(CASE WHEN kind = 'decision' AND action = 'session.open' AND outcome = 'allow' THEN credential_expires_at END) AS expires_at,
         MIN(CASE WHEN kind = 'revocation' AND outcome NOT IN ('deny', 'failure', 'error') THEN event_at END) AS closed_at,
         MIN(CASE WHEN kind = 'revocation' AND outcome NOT IN ('deny', 'failure', 'error') THEN entry END) AS closing_entry,
         MIN(CASE WHEN kind = 'decision' AND outcome IN ('allow', 'success') THEN event_at END) AS first_use_at,
         MAX(CASE WHEN kind = 'decision' AND outcome IN ('allow', 'success') THEN event_at END) AS last_use_at,
         MIN(event_at) AS first_at, MAX(event_at) AS last_at,
         MAX(CASE WHEN event_at >= $from AND event_at < $to THEN 1 ELSE 0 END) AS in_period
  FROM session_entries
  GROUP BY id
),
ended AS (
  SELECT id, subject_id, any_entry, opened_at, opening_entry, expires_at, closed_at, closing_entry, first_use_at, last_use_at, first_at, last_at,
         CASE WHEN closed_at IS NOT NULL AND (expires_at IS NULL OR closed_at < expires_at) THEN closed_at ELSE expires_at END AS ended_at
  FROM spans
  WHERE in_period = 1 AND first_use_at IS NOT NULL
),
late AS (
  SELECT x.id, COUNT(*) AS uses, MIN(s.entry) AS use_entry
  FROM ended x
  JOIN session_entries s ON s.id = x.id AND s.kind = 'decision' AND s.outcome IN ('allow', 'success')
  WHERE s.event_at > x.ended_at + CAST($clock_skew_seconds AS BIGINT) * 1000000
  GROUP BY x.id
),
known AS (
  SELECT COUNT(opened_at) AS n FROM spans
),
judged AS (
  SELECT e.id, e.subject_id, k.n AS openings_known, e.any_entry, e.opening_entry, e.closing_entry, e.opened_at, e.ended_at, e.first_at, e.last_at, l.use_entry,
         CASE WHEN e.opened_at IS NULL AND e.first_at >= $from AND k.n > 0 THEN ' No decision opened it.'
              WHEN e.first_use_at < e.opened_at - CAST($clock_skew_seconds AS BIGINT) * 1000000 THEN ' It was used before it was opened.' ELSE '' END
         || CASE WHEN l.uses > 0 THEN ' It was used after its end, times: ' || CAST(l.uses AS VARCHAR) || '.' ELSE '' END
         || CASE WHEN e.opened_at IS NOT NULL AND e.ended_at IS NULL THEN ' It has no end.'
                 WHEN e.ended_at - e.opened_at > $max_session_hours * 3600000000
                 THEN ' It lasted ' || CAST(CAST(((e.ended_at - e.opened_at) - (e.ended_at - e.opened_at) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours and ' || CAST(CAST((((e.ended_at - e.opened_at) % 3600000000) - ((e.ended_at - e.opened_at) % 3600000000) % 60000000) / 60000000 AS BIGINT) AS VARCHAR)
                      || ' minutes; at most ' || CAST($max_session_hours AS VARCHAR) || ' hours are allowed.' ELSE '' END AS faults
  FROM ended e
  CROSS JOIN known k
  LEFT JOIN late l ON l.id = e.id
)
SELECT id AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN opened_at IS NULL THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN faults <> '' THEN 'Session of ' || subject_id || '.' || faults
            WHEN openings_known = 0 THEN 'Session of ' || subject_id || '; the ledger holds no openings of sessions, so whether it was decided and bounded cannot be told.'
            WHEN opened_at IS NULL THEN 'Session of ' || subject_id || ' that began before the period; how is not recorded.'
            ELSE 'Session of ' || subject_id || ', opened by a decision, over after ' || CAST(CAST(((ended_at - opened_at) - (ended_at - opened_at) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours and '
                 || CAST(CAST((((ended_at - opened_at) % 3600000000) - ((ended_at - opened_at) % 3600000000) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes at most.' END AS reason,
       CAST(COALESCE(opening_entry, any_entry) AS VARCHAR) || COALESCE(',' || CAST(closing_entry AS VARCHAR), '')
         || COALESCE(',' || CAST(use_entry AS VARCHAR), '') AS entries,
       last_at AS at
FROM judged
ORDER BY id
