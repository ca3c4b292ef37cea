-- Entitled: named owner of the domain, in either role, by the newest statement before the approval.
WITH given AS (
  SELECT e.entry, e.event_at, e.approval_id, d.value AS domain, COALESCE(e.approval_approver, e.actor_id) AS approver
  FROM entries e
  LEFT JOIN labels d ON d.entry = e.entry AND d.name = 'domain'
  WHERE e.kind = 'approval' AND e.approval_decision = 'granted' AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.event_at >= $from AND e.event_at < $to
),
domains AS (
  SELECT owned AS domain, owner, starts_at, ends_at, start_entry
  FROM owners
  WHERE role IN ('policy-owner', 'control-owner')
),
judged AS (
  SELECT g.entry, g.event_at, g.approval_id, g.domain, g.approver, COUNT(o.domain) AS statements,
         MAX(CASE WHEN o.owner = g.approver AND o.starts_at <= g.event_at AND (o.ends_at IS NULL OR o.ends_at > g.event_at) THEN o.start_entry END) AS entitled_by,
         MAX(CASE WHEN o.owner = g.approver THEN 1 ELSE 0 END) AS at_another_time
  FROM given g
  LEFT JOIN domains o ON o.domain = g.domain
  GROUP BY g.entry, g.event_at, g.approval_id, g.domain, g.approver
)
SELECT COALESCE(approval_id, 'entry ' || CAST(entry AS VARCHAR)) AS subject,
       CASE WHEN domain IS NULL OR approver IS NULL OR statements = 0 OR approver = '(sealed)' THEN 'insufficient' WHEN entitled_by IS NOT NULL THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN domain IS NULL THEN 'The approval does not say for which domain it is.'
            WHEN approver IS NULL OR approver = '(sealed)' THEN 'Who approved is not recorded, or sealed.'
            WHEN statements = 0 THEN 'No entry says who answers for the domain ' || domain || '.'
            WHEN entitled_by IS NOT NULL THEN approver || ' answered for the domain ' || domain || ' at that time.'
            WHEN at_another_time = 1 THEN approver || ' answered for the domain ' || domain || ' at another time only.'
            ELSE approver || ' never answered for the domain ' || domain || '.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(entitled_by AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY subject, entry
