-- Renewals are counted since the exception was first opened; each needs an approval of its own and a note on the risk.
WITH terms AS (
  SELECT x.id, x.term, x.start_entry, x.starts_at, x.ends_at, x.start_verb, x.approval_id, n.value AS risk_note,
         LAG(x.approval_id) OVER (PARTITION BY x.id ORDER BY x.term) AS approval_before
  FROM exception_intervals x
  LEFT JOIN labels n ON n.entry = x.start_entry AND n.name = 'risk_note'
  WHERE x.starts_at < $to
),
given AS (
  SELECT approval_id, MIN(event_at) AS given_at
  FROM entries
  WHERE kind = 'approval' AND approval_decision = 'granted' AND approval_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY approval_id
),
renewals AS (
  SELECT t.id, t.start_entry,
         CASE WHEN t.approval_id IS NULL OR g.approval_id IS NULL OR t.approval_id = t.approval_before OR g.given_at > t.starts_at THEN 1 ELSE 0 END AS unapproved,
         CASE WHEN t.risk_note IS NULL THEN 1 ELSE 0 END AS unexamined
  FROM terms t
  LEFT JOIN given g ON g.approval_id = t.approval_id
  WHERE t.start_verb = 'renewed'
),
renewed AS (
  SELECT id, COUNT(*) AS times, SUM(unapproved) AS unapproved, SUM(unexamined) AS unexamined, MAX(start_entry) AS last_entry,
         MIN(CASE WHEN unapproved = 1 OR unexamined = 1 THEN start_entry END) AS bad_entry
  FROM renewals
  GROUP BY id
),
whole AS (
  SELECT id, MIN(starts_at) AS opened_at, MIN(start_entry) AS opening_entry,
         MAX(CASE WHEN ends_at IS NULL OR ends_at > $to THEN $to ELSE ends_at END) AS until_at,
         MAX(CASE WHEN ends_at IS NULL OR ends_at > $from THEN 1 ELSE 0 END) AS in_period
  FROM terms
  GROUP BY id
),
judged AS (
  SELECT w.id, w.opening_entry, w.opened_at, w.until_at, r.bad_entry, r.last_entry, COALESCE(r.times, 0) AS times,
         CASE WHEN r.times > $max_renewals THEN ' It was renewed ' || CAST(r.times AS VARCHAR) || ' times; at most ' || CAST($max_renewals AS VARCHAR) || ' are allowed.' ELSE '' END
         || CASE WHEN r.unapproved > 0 THEN ' Renewals without an approval of their own: ' || CAST(r.unapproved AS VARCHAR) || '.' ELSE '' END
         || CASE WHEN r.unexamined > 0 THEN ' Renewals without a fresh note on the risk: ' || CAST(r.unexamined AS VARCHAR) || '.' ELSE '' END
         || CASE WHEN w.until_at - w.opened_at > $max_exception_days * 86400000000
                 THEN ' It is more than ' || CAST($max_exception_days AS VARCHAR) || ' days old.' ELSE '' END AS faults
  FROM whole w
  LEFT JOIN renewed r ON r.id = w.id
  WHERE w.in_period = 1
)
SELECT id AS subject,
       CASE WHEN faults = '' THEN 'pass' ELSE 'fail' END AS outcome,
       'Age ' || CAST(CAST(((until_at - opened_at) - (until_at - opened_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days, renewals: ' || CAST(times AS VARCHAR) || '.' || faults AS reason,
       CAST(opening_entry AS VARCHAR) || CASE WHEN times > $max_renewals THEN ',' || CAST(last_entry AS VARCHAR) ELSE '' END
         || COALESCE(',' || CAST(bad_entry AS VARCHAR), '') AS entries,
       opened_at AS at
FROM judged
ORDER BY id
