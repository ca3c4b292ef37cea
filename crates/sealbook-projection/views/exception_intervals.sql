-- One row per term of an exception: as opened, and after each renewal.
WITH acts AS (
  SELECT x.exception_id AS id, x.exception_verb AS verb, x.event_at, x.entry, x.subject_id, x.resource_id,
    x.resource_environment, x.policy_id, x.credential_id, l.value AS scope, x.exception_expires_at AS expires_at,
    x.exception_owner AS owner, x.exception_granted_by AS granted_by,
    COALESCE(x.approval_requester, x.actor_id) AS requested_by, x.approval_id,
    CASE WHEN x.exception_justification IS NOT NULL THEN 1 ELSE 0 END AS justified,
    CASE WHEN x.exception_compensating_control IS NOT NULL THEN 1 ELSE 0 END AS compensated
  FROM exceptions AS x
  LEFT JOIN labels AS l ON l.entry = x.entry AND l.name = 'scope'
  WHERE x.exception_id IS NOT NULL AND x.exception_verb IN ('opened', 'renewed', 'closed')
    AND x.outcome NOT IN ('deny', 'failure', 'error')
), numbered AS (
  SELECT a.*,
    SUM(CASE WHEN a.verb = 'opened' THEN 1 ELSE 0 END)
      OVER (PARTITION BY a.id ORDER BY a.event_at, a.entry ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS opening,
    MIN(CASE WHEN a.verb = 'closed' THEN a.event_at END)
      OVER (PARTITION BY a.id ORDER BY a.event_at, a.entry ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING) AS next_close_at,
    MIN(CASE WHEN a.verb = 'opened' THEN a.event_at END)
      OVER (PARTITION BY a.id ORDER BY a.event_at, a.entry ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS next_opening_at
  FROM acts AS a
), stated AS (
  SELECT n.*,
    COUNT(n.expires_at)
      OVER (PARTITION BY n.id, n.opening ORDER BY n.event_at, n.entry ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS statement
  FROM numbered AS n
  WHERE n.verb <> 'closed'
), terms AS (
  SELECT s.*,
    MAX(s.expires_at) OVER (PARTITION BY s.id, s.opening, s.statement) AS ends_by,
    ROW_NUMBER() OVER (PARTITION BY s.id ORDER BY s.event_at, s.entry) AS term,
    LEAD(s.event_at) OVER (PARTITION BY s.id ORDER BY s.event_at, s.entry) AS next_term_at,
    LEAD(s.entry) OVER (PARTITION BY s.id ORDER BY s.event_at, s.entry) AS next_term_entry,
    CASE WHEN s.next_opening_at IS NULL OR s.next_close_at <= s.next_opening_at THEN s.next_close_at END AS closed_at
  FROM stated AS s
), openings AS (
  SELECT s.*, ROW_NUMBER() OVER (PARTITION BY s.id, s.opening ORDER BY s.event_at, s.entry) AS n
  FROM stated AS s
), closings AS (
  SELECT id, event_at, MIN(entry) AS entry
  FROM acts
  WHERE verb = 'closed'
  GROUP BY id, event_at
)
SELECT t.id AS id, t.term AS term,
  t.subject_id AS subject_id, COALESCE(t.resource_id, o.resource_id) AS resource_id,
  COALESCE(t.resource_environment, o.resource_environment) AS resource_environment,
  COALESCE(t.policy_id, o.policy_id) AS policy_id, COALESCE(t.credential_id, o.credential_id) AS credential_id,
  COALESCE(t.scope, o.scope) AS scope,
  t.event_at AS starts_at, t.entry AS start_entry, t.verb AS start_verb, t.ends_by AS expires_at,
  t.closed_at AS closed_at, c.entry AS closed_entry,
  CASE
    WHEN t.next_term_at IS NOT NULL AND (t.ends_by IS NULL OR t.next_term_at < t.ends_by)
      AND (t.closed_at IS NULL OR t.next_term_at < t.closed_at) THEN t.next_term_at
    WHEN t.closed_at IS NOT NULL AND (t.ends_by IS NULL OR t.closed_at < t.ends_by) THEN t.closed_at
    ELSE t.ends_by
  END AS ends_at,
  CASE WHEN t.next_term_entry IS NULL THEN 1 ELSE 0 END AS last_term,
  COALESCE(t.owner, o.owner) AS owner, COALESCE(t.granted_by, o.granted_by) AS granted_by,
  t.requested_by AS requested_by, t.approval_id AS approval_id,
  CASE WHEN t.justified = 1 OR o.justified = 1 THEN 1 ELSE 0 END AS has_justification,
  CASE WHEN t.compensated = 1 OR o.compensated = 1 THEN 1 ELSE 0 END AS has_compensating_control
FROM terms AS t
JOIN openings AS o ON o.id = t.id AND o.opening = t.opening AND o.n = 1
LEFT JOIN closings AS c ON c.id = t.id AND c.event_at = t.closed_at
