-- Each term of an exception must say who, by whom, why, instead of what, and until when; and its owner must still be there.
WITH terms AS (
  SELECT id, term, start_entry, starts_at, ends_at, expires_at, owner, granted_by, requested_by, has_justification, has_compensating_control
  FROM exception_intervals
  WHERE starts_at < $to AND (ends_at IS NULL OR ends_at > $from)
),
owners_known AS (
  SELECT t.id, t.term, COUNT(i.id) AS registered,
         MAX(CASE WHEN i.starts_at <= t.starts_at AND (i.ends_at IS NULL OR i.ends_at > t.starts_at) THEN 1 ELSE 0 END) AS active,
         MAX(CASE WHEN i.starts_at <= t.starts_at AND i.ends_at > t.starts_at
                   AND i.ends_at + $handover_days * 86400000000 < COALESCE(t.ends_at, $to)
                   AND i.ends_at + $handover_days * 86400000000 < $to THEN i.end_entry END) AS left_entry
  FROM terms t
  LEFT JOIN identity_intervals i ON i.id = t.owner
  GROUP BY t.id, t.term
),
judged AS (
  SELECT t.id, t.term, t.start_entry, t.starts_at, o.left_entry,
         CASE WHEN t.owner IS NULL THEN ' It names no owner.' ELSE '' END
         || CASE WHEN t.granted_by IS NULL THEN ' It names nobody who granted it.'
                 WHEN t.granted_by = t.requested_by THEN ' ' || t.granted_by || ' both asked for it and granted it.' ELSE '' END
         || CASE WHEN t.has_justification = 0 THEN ' It gives no justification.' ELSE '' END
         || CASE WHEN t.has_compensating_control = 0 THEN ' It names no compensating control.' ELSE '' END
         || CASE WHEN t.expires_at IS NULL THEN ' It has no end.'
                 WHEN t.expires_at - t.starts_at > $max_term_days * 86400000000
                 THEN ' It runs for ' || CAST(CAST(((t.expires_at - t.starts_at) - (t.expires_at - t.starts_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days; at most '
                      || CAST($max_term_days AS VARCHAR) || ' are allowed.' ELSE '' END
         || CASE WHEN o.registered > 0 AND o.active = 0 THEN ' Its owner ' || t.owner || ' was not active when it began.'
                 WHEN o.left_entry IS NOT NULL THEN ' Its owner ' || t.owner || ' left more than '
                      || CAST($handover_days AS VARCHAR) || ' days before it ended.' ELSE '' END AS faults,
         CASE WHEN t.requested_by IS NULL THEN ' It does not say who asked for it.' ELSE '' END
         || CASE WHEN t.owner IS NOT NULL AND o.registered = 0 THEN ' No entry registers its owner ' || t.owner || '.' ELSE '' END AS gaps,
         t.expires_at - t.starts_at AS runs
  FROM terms t
  JOIN owners_known o ON o.id = t.id AND o.term = t.term
)
SELECT id AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN gaps <> '' THEN 'insufficient' ELSE 'pass' END AS outcome,
       'Term ' || CAST(term AS VARCHAR) || ':'
         || CASE WHEN faults <> '' THEN faults WHEN gaps <> '' THEN gaps
                 ELSE ' complete, granted by somebody other than the requester, for ' || CAST(CAST((runs - runs % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days.' END AS reason,
       CAST(start_entry AS VARCHAR) || COALESCE(',' || CAST(left_entry AS VARCHAR), '') AS entries,
       starts_at AS at
FROM judged
ORDER BY id, term
