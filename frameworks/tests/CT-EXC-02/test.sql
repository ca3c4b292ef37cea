-- Open: between the start of a term and its end. Scope: the identity, and the resource or credential where the exception names one.
WITH uses AS (
  SELECT entry, event_at, subject_id, exception_id, resource_id, credential_id
  FROM entries
  WHERE exception_id IS NOT NULL AND event_at >= $from AND event_at < $to
    AND (kind = 'decision' AND outcome IN ('allow', 'success')
         OR kind = 'exception' AND exception_verb = 'used' AND outcome NOT IN ('deny', 'failure', 'error'))
),
terms AS (
  SELECT x.id, x.start_entry, x.starts_at, x.ends_at, x.subject_id, x.credential_id,
         CASE WHEN x.resource_id = x.subject_id THEN NULL ELSE x.resource_id END AS resource_id
  FROM exception_intervals x
),
judged AS (
  SELECT u.entry, u.event_at, u.subject_id, u.exception_id, COUNT(t.id) AS terms,
         MAX(CASE WHEN t.starts_at <= u.event_at AND (t.ends_at IS NULL OR t.ends_at > u.event_at) THEN t.start_entry END) AS open_entry,
         MAX(CASE WHEN t.starts_at <= u.event_at AND (t.ends_at IS NULL OR t.ends_at > u.event_at)
                   AND t.subject_id = u.subject_id
                   AND (t.resource_id IS NULL OR t.resource_id = u.resource_id)
                   AND (t.credential_id IS NULL OR t.credential_id = u.credential_id) THEN 1 ELSE 0 END) AS in_scope,
         MAX(CASE WHEN t.starts_at <= u.event_at THEN t.start_entry END) AS last_term_entry,
         MAX(CASE WHEN t.starts_at <= u.event_at THEN t.ends_at END) AS last_ended_at
  FROM uses u
  LEFT JOIN terms t ON t.id = u.exception_id
  GROUP BY u.entry, u.event_at, u.subject_id, u.exception_id
)
SELECT exception_id AS subject,
       CASE WHEN in_scope = 1 THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN in_scope = 1 THEN 'Used by ' || subject_id || ' while it was open and made for this.'
            WHEN terms = 0 THEN 'Used by ' || subject_id || ', but no entry opens this exception.'
            WHEN open_entry IS NOT NULL THEN 'Used by ' || subject_id || ' for something that it was not made for.'
            WHEN last_term_entry IS NULL THEN 'Used by ' || subject_id || ' before it was opened.'
            ELSE 'Used by ' || subject_id || ' ' || CAST(CAST(((event_at - last_ended_at) - (event_at - last_ended_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days and ' || CAST(CAST((((event_at - last_ended_at) % 86400000000) - ((event_at - last_ended_at) % 86400000000) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR)
                 || ' hours after it had ended.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(COALESCE(open_entry, last_term_entry) AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY exception_id, entry
