-- Terms of exceptions that were open at some time in the period: one row a term.
SELECT x.id AS id,
  x.subject_id || CASE WHEN x.resource_id IS NULL THEN '' ELSE ' on ' || x.resource_id END AS scope,
  COALESCE(e.exception_justification, '') AS reason,
  x.owner AS owner, x.granted_by AS granted_by, x.starts_at AS opened_at,
  x.expires_at AS expires_at, x.closed_at AS closed_at, x.start_entry AS entry
FROM exception_intervals AS x
JOIN exceptions AS e ON e.entry = x.start_entry
WHERE x.starts_at < $to AND (x.ends_at IS NULL OR x.ends_at > $from)
ORDER BY x.starts_at, x.start_entry, x.id
