-- Answered = the credential was withdrawn, replaced or had expired. Critical leaks have the shorter limit.
WITH reports AS (
  SELECT e.entry, e.event_at, e.credential_id, l.value AS severity,
         e.event_at + CAST($leak_critical_minutes AS BIGINT) * 60000000 AS soon_at,
         e.event_at + $leak_hours * 3600000000 AS late_at
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name = 'severity'
  WHERE e.kind = 'lifecycle' AND e.action = 'credential.leak' AND e.event_at < $to
),
answers AS (
  SELECT credential_id, event_at, entry FROM entries
  WHERE kind = 'revocation' AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  UNION ALL
  SELECT credential_replaces, event_at, entry FROM entries
  WHERE kind IN ('issuance', 'rotation') AND credential_replaces IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
),
expiries AS (
  SELECT credential_id, MAX(credential_expires_at) AS expires_at
  FROM entries
  WHERE kind IN ('issuance', 'rotation') AND credential_id IS NOT NULL
  GROUP BY credential_id
),
first_answers AS (
  SELECT r.entry, a.event_at, a.entry AS answer_entry,
         ROW_NUMBER() OVER (PARTITION BY r.entry ORDER BY a.event_at, a.entry) AS n
  FROM reports r
  JOIN answers a ON a.credential_id = r.credential_id
),
judged AS (
  SELECT r.entry, r.event_at, r.credential_id, r.severity, a.answer_entry,
         CASE WHEN x.expires_at < COALESCE(a.event_at, $to) THEN x.expires_at ELSE a.event_at END AS ended_at,
         CASE WHEN r.severity = 'critical' THEN r.soon_at ELSE r.late_at END AS due_at,
         r.soon_at, r.late_at
  FROM reports r
  LEFT JOIN first_answers a ON a.entry = r.entry AND a.n = 1
  LEFT JOIN expiries x ON x.credential_id = r.credential_id
),
leaked_uses AS (
  -- Numbered only so that engines work this out once, before the join.
  SELECT credential_id, event_at, ROW_NUMBER() OVER (PARTITION BY credential_id ORDER BY event_at, entry) AS n
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND event_at < $to
    AND credential_id IN (SELECT credential_id FROM reports WHERE credential_id IS NOT NULL)
),
uses AS (
  SELECT j.entry, COUNT(*) AS uses
  FROM judged j
  JOIN leaked_uses u ON u.credential_id = j.credential_id
  WHERE u.event_at >= j.event_at AND (j.ended_at IS NULL OR u.event_at <= j.ended_at)
  GROUP BY j.entry
)
SELECT COALESCE(j.credential_id, 'entry ' || CAST(j.entry AS VARCHAR)) AS subject,
       CASE WHEN j.credential_id IS NULL THEN 'insufficient'
            WHEN j.ended_at <= j.soon_at THEN 'pass'
            WHEN j.ended_at IS NULL OR j.ended_at > j.late_at OR j.severity = 'critical' THEN 'fail'
            WHEN j.severity IS NULL THEN 'insufficient'
            ELSE 'pass' END AS outcome,
       CASE WHEN j.credential_id IS NULL THEN 'The report does not say which credential leaked.'
            WHEN j.ended_at IS NULL OR j.ended_at >= $to THEN 'Reported as leaked and never withdrawn or replaced'
            WHEN j.ended_at < j.event_at THEN 'It had ended before the leak was reported'
            ELSE 'Out of force ' || CAST(CAST(((j.ended_at - j.event_at) - (j.ended_at - j.event_at) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR) || ' hours and ' || CAST(CAST((((j.ended_at - j.event_at) % 3600000000) - ((j.ended_at - j.event_at) % 3600000000) % 60000000) / 60000000 AS BIGINT) AS VARCHAR)
                 || ' minutes after the report' END
         || CASE WHEN j.credential_id IS NULL THEN '' ELSE '; allowed: '
                 || CASE WHEN j.severity = 'critical' THEN CAST($leak_critical_minutes AS VARCHAR) || ' minutes (critical)'
                         WHEN j.severity IS NULL THEN 'not known, since no severity is stated'
                         ELSE CAST($leak_hours AS VARCHAR) || ' hours' END
                 || '; uses in between: ' || CAST(COALESCE(u.uses, 0) AS VARCHAR) || '.' END AS reason,
       CAST(j.entry AS VARCHAR) || COALESCE(',' || CAST(j.answer_entry AS VARCHAR), '') AS entries,
       j.event_at AS at
FROM judged j
LEFT JOIN uses u ON u.entry = j.entry
WHERE (j.due_at < $to OR j.ended_at < $to) AND (j.due_at >= $from OR j.ended_at IS NULL OR j.ended_at >= $from)
ORDER BY subject, j.entry
