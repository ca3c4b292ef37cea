-- The start names its approval; the requester is taken from the approval, else from the request, else it is the holder.
WITH started AS (
  SELECT e.entry, e.event_at, e.elevation_id, e.subject_id, COALESCE(e.resource_id, '') AS resource_id, e.elevation_approval AS approval_id,
         e.elevation_ends_at AS ends_at, p.value AS permission
  FROM entries e
  LEFT JOIN labels p ON p.entry = e.entry AND p.name = 'permission'
  WHERE e.kind = 'elevation' AND e.elevation_verb = 'started' AND COALESCE(e.elevation_break_glass, 0) = 0
    AND e.outcome NOT IN ('deny', 'failure', 'error') AND e.event_at >= $from AND e.event_at < $to
),
requested AS (
  SELECT elevation_id, MIN(COALESCE(actor_id, subject_id)) AS asked_by
  FROM entries
  WHERE kind = 'elevation' AND elevation_verb = 'requested' AND elevation_id IS NOT NULL
  GROUP BY elevation_id
),
first_uses AS (
  SELECT elevation_id, MIN(event_at) AS used_at, MIN(entry) AS use_entry
  FROM entries
  WHERE kind = 'decision' AND outcome IN ('allow', 'success') AND elevation_id IS NOT NULL
  GROUP BY elevation_id
),
given AS (
  SELECT e.approval_id, e.entry, e.event_at, COALESCE(e.approval_approver, e.actor_id) AS approver, e.approval_requester AS requester,
         COALESCE(e.resource_id, '') AS resource_id, e.approval_valid_until AS until_at, p.value AS permission,
         ROW_NUMBER() OVER (PARTITION BY e.approval_id ORDER BY e.event_at, e.entry) AS n
  FROM entries e
  LEFT JOIN labels p ON p.entry = e.entry AND p.name = 'permission'
  WHERE e.kind = 'approval' AND e.approval_decision = 'granted' AND e.approval_id IS NOT NULL AND e.outcome NOT IN ('deny', 'failure', 'error')
),
known AS (
  SELECT COUNT(*) AS n FROM given
),
judged AS (
  SELECT s.entry, s.event_at, s.elevation_id, s.subject_id, g.entry AS approval_entry, g.approver, u.use_entry, u.used_at,
         CASE WHEN k.n = 0 THEN ''
              WHEN s.approval_id IS NULL THEN ' it names no approval,'
              WHEN g.approval_id IS NULL THEN ' no entry gives the approval ' || s.approval_id || ',' ELSE '' END
         || CASE WHEN g.approver IN (s.subject_id, COALESCE(g.requester, r.asked_by)) THEN ' ' || g.approver || ' approved it for themselves,' ELSE '' END
         || CASE WHEN g.event_at > s.event_at THEN ' it was approved only afterwards,' ELSE '' END
         || CASE WHEN u.used_at < s.event_at THEN ' it was used before it began,' ELSE '' END
         || CASE WHEN g.resource_id <> s.resource_id OR g.permission <> s.permission THEN ' the approval is for something else,' ELSE '' END
         || CASE WHEN s.ends_at > g.until_at THEN ' it runs ' || CAST(CAST(((s.ends_at - g.until_at) - (s.ends_at - g.until_at) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes longer than was approved,' ELSE '' END AS faults,
         CASE WHEN k.n = 0 THEN ' the ledger holds no approvals,' ELSE '' END
         || CASE WHEN s.ends_at IS NULL THEN ' when it ends by itself is not recorded,' ELSE '' END
         || CASE WHEN g.approval_id IS NOT NULL AND g.approver IS NULL THEN ' who approved it is not recorded,' ELSE '' END
         || CASE WHEN g.approval_id IS NOT NULL AND (g.permission IS NULL OR s.permission IS NULL) THEN ' for which permission is not recorded,' ELSE '' END AS gaps
  FROM started s
  CROSS JOIN known k
  LEFT JOIN requested r ON r.elevation_id = s.elevation_id
  LEFT JOIN first_uses u ON u.elevation_id = s.elevation_id
  LEFT JOIN given g ON g.approval_id = s.approval_id AND g.n = 1
)
SELECT subject_id AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN gaps <> '' THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN faults <> '' THEN 'Elevation ' || COALESCE(elevation_id, 'without id') || ' began although' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
            WHEN gaps <> '' THEN 'Elevation ' || COALESCE(elevation_id, 'without id') || ':' || SUBSTR(gaps, 1, LENGTH(gaps) - 1) || '.'
            ELSE 'Elevation ' || COALESCE(elevation_id, 'without id') || ' was approved by ' || approver || ' before it began.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(approval_entry AS VARCHAR), '')
         || CASE WHEN used_at < event_at THEN ',' || CAST(use_entry AS VARCHAR) ELSE '' END AS entries,
       event_at AS at
FROM judged
ORDER BY subject_id, entry
