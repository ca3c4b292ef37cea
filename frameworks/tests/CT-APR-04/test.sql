-- The team is the one that the actor belonged to when acting.
WITH acts AS (
  SELECT subject_id, 'creation' AS act, actor_team AS team, entry, event_at FROM entries
  WHERE kind = 'lifecycle' AND lifecycle_verb = 'provisioned' AND outcome NOT IN ('deny', 'failure', 'error') AND event_at < $to
  UNION ALL
  SELECT subject_id, 'approval', actor_team, entry, event_at FROM entries
  WHERE kind = 'approval' AND approval_decision = 'granted' AND outcome NOT IN ('deny', 'failure', 'error') AND event_at < $to
  UNION ALL
  SELECT subject_id, 'renewal', actor_team, entry, event_at FROM entries
  WHERE kind = 'lifecycle' AND action = 'identity.renew' AND outcome NOT IN ('deny', 'failure', 'error') AND event_at < $to
),
whole AS (
  SELECT subject_id,
         MAX(CASE WHEN act = 'creation' THEN entry END) AS creation_entry,
         MAX(CASE WHEN act = 'approval' THEN entry END) AS approval_entry,
         MAX(CASE WHEN act = 'renewal' THEN entry END) AS renewal_entry,
         MAX(event_at) AS last_at, COUNT(*) - COUNT(team) AS unnamed
  FROM acts
  GROUP BY subject_id
),
by_team AS (
  SELECT subject_id, team,
         MAX(CASE WHEN act = 'creation' THEN entry END) AS creation_entry,
         MAX(CASE WHEN act = 'approval' THEN entry END) AS approval_entry,
         MAX(CASE WHEN act = 'renewal' THEN entry END) AS renewal_entry
  FROM acts
  WHERE team IS NOT NULL AND team <> '(sealed)'
  GROUP BY subject_id, team
),
alone AS (
  SELECT subject_id, MIN(team) AS team, MIN(creation_entry) AS creation_entry, MIN(approval_entry) AS approval_entry, MIN(renewal_entry) AS renewal_entry
  FROM by_team
  WHERE creation_entry IS NOT NULL AND approval_entry IS NOT NULL AND renewal_entry IS NOT NULL
  GROUP BY subject_id
)
SELECT w.subject_id AS subject,
       CASE WHEN a.team IS NOT NULL THEN 'fail' WHEN w.unnamed > 0 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN a.team IS NOT NULL THEN 'Created, approved and renewed by the team ' || a.team || ' alone.'
            WHEN w.unnamed > 0 THEN 'Acts whose team is not recorded: ' || CAST(w.unnamed AS VARCHAR) || '.'
            ELSE 'No team holds all three acts.' END AS reason,
       CAST(COALESCE(a.creation_entry, w.creation_entry) AS VARCHAR) || ',' || CAST(COALESCE(a.approval_entry, w.approval_entry) AS VARCHAR)
         || ',' || CAST(COALESCE(a.renewal_entry, w.renewal_entry) AS VARCHAR) AS entries,
       w.last_at AS at
FROM whole w
LEFT JOIN alone a ON a.subject_id = w.subject_id
WHERE w.creation_entry IS NOT NULL AND w.approval_entry IS NOT NULL AND w.renewal_entry IS NOT NULL AND w.last_at >= $from
ORDER BY w.subject_id
