-- Who answered for what, and when: one row per statement.
WITH said AS (
  SELECT COALESCE(ownership_domain, subject_id) AS owned, ownership_role AS role, ownership_owner AS owner,
    ownership_team AS team, event_at, entry, 'ownership' AS via
  FROM ownership
  WHERE ownership_role IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  UNION ALL
  SELECT subject_id, 'lifecycle-owner', lifecycle_owner, NULL, event_at, entry, 'lifecycle'
  FROM lifecycle
  WHERE lifecycle_owner IS NOT NULL AND lifecycle_verb IN ('provisioned', 'transferred', 'changed')
    AND outcome NOT IN ('deny', 'failure', 'error')
)
SELECT owned, role, owner, team, event_at AS starts_at, entry AS start_entry,
  LEAD(event_at) OVER (PARTITION BY owned, role ORDER BY event_at, entry) AS ends_at,
  LEAD(entry) OVER (PARTITION BY owned, role ORDER BY event_at, entry) AS end_entry,
  via
FROM said
