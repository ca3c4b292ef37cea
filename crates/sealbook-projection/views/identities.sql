-- One row per id that was ever the subject of an entry.
WITH seen AS (
  SELECT subject_id AS id, subject_type AS type, subject_team AS team, subject_owner AS owner, event_at,
    CASE WHEN kind = 'decision' AND outcome IN ('allow', 'success') THEN event_at END AS use_at
  FROM entries
), facts AS (
  SELECT id, type, team, owner, MIN(event_at) AS first_at, MAX(event_at) AS last_at,
    MIN(use_at) AS first_use_at, MAX(use_at) AS last_use_at, COUNT(use_at) AS uses
  FROM seen
  GROUP BY id, type, team, owner
), spans AS (
  SELECT id, MIN(first_at) AS first_at, MAX(last_at) AS last_at, MIN(first_use_at) AS first_use_at,
    MAX(last_use_at) AS last_use_at, SUM(uses) AS uses
  FROM facts
  GROUP BY id
), places AS (
  SELECT s.id,
    MIN(CASE WHEN e.event_at = s.first_at THEN e.entry END) AS first_entry,
    MAX(CASE WHEN e.event_at = s.last_at THEN e.entry END) AS last_entry,
    MIN(CASE WHEN e.event_at = s.first_use_at AND e.kind = 'decision' AND e.outcome IN ('allow', 'success') THEN e.entry END) AS first_use_entry,
    MAX(CASE WHEN e.event_at = s.last_use_at AND e.kind = 'decision' AND e.outcome IN ('allow', 'success') THEN e.entry END) AS last_use_entry
  FROM entries AS e
  JOIN spans AS s ON s.id = e.subject_id
  WHERE e.event_at = s.first_at OR e.event_at = s.last_at OR e.event_at = s.first_use_at OR e.event_at = s.last_use_at
  GROUP BY s.id
), types AS (
  SELECT id, type, ROW_NUMBER() OVER (PARTITION BY id ORDER BY last_at DESC, type) AS newest
  FROM facts
  WHERE type <> 'unknown'
), teams AS (
  SELECT id, team, ROW_NUMBER() OVER (PARTITION BY id ORDER BY last_at DESC, team) AS newest
  FROM facts
  WHERE team IS NOT NULL
), stated AS (
  SELECT id, owner, ROW_NUMBER() OVER (PARTITION BY id ORDER BY last_at DESC, owner) AS newest
  FROM facts
  WHERE owner IS NOT NULL
), provisioned AS (
  SELECT subject_id AS id, event_at, entry, COALESCE(actor_id, subject_id) AS made_by,
    ROW_NUMBER() OVER (PARTITION BY subject_id ORDER BY event_at, entry) AS n
  FROM lifecycle
  WHERE lifecycle_verb = 'provisioned' AND outcome NOT IN ('deny', 'failure', 'error')
), acts AS (
  SELECT subject_id AS id, event_at, entry, lifecycle_verb AS verb,
    CASE WHEN lifecycle_verb = 'provisioned' THEN 1 ELSE 0 END AS active
  FROM lifecycle
  WHERE lifecycle_verb IN ('provisioned', 'disabled', 'offboarded') AND outcome NOT IN ('deny', 'failure', 'error')
), marked AS (
  SELECT id, event_at, entry, verb, active,
    LAG(active) OVER (PARTITION BY id ORDER BY event_at, entry) AS was_active
  FROM acts
), turns AS (
  SELECT id, event_at, entry, verb, active,
    ROW_NUMBER() OVER (PARTITION BY id ORDER BY event_at DESC, entry DESC) AS newest
  FROM marked
  WHERE was_active IS NULL OR active <> was_active
)
SELECT s.id AS id, COALESCE(t.type, 'unknown') AS type,
  CASE WHEN t.type IN ('service-account', 'workload', 'api-key', 'token', 'certificate', 'agent') THEN 1 ELSE 0 END AS machine,
  m.team AS team, COALESCE(o.owner, st.owner) AS owner,
  s.first_at AS first_at, p.first_entry AS first_entry, s.last_at AS last_at, p.last_entry AS last_entry,
  v.event_at AS provisioned_at, v.entry AS provisioned_entry, v.made_by AS provisioned_by,
  x.event_at AS ended_at, x.entry AS ended_entry, x.verb AS ended_verb,
  s.first_use_at AS first_use_at, p.first_use_entry AS first_use_entry,
  s.last_use_at AS last_use_at, p.last_use_entry AS last_use_entry, s.uses AS uses
FROM spans AS s
JOIN places AS p ON p.id = s.id
LEFT JOIN types AS t ON t.id = s.id AND t.newest = 1
LEFT JOIN teams AS m ON m.id = s.id AND m.newest = 1
LEFT JOIN stated AS st ON st.id = s.id AND st.newest = 1
LEFT JOIN owners AS o ON o.owned = s.id AND o.role = 'lifecycle-owner' AND o.end_entry IS NULL
LEFT JOIN provisioned AS v ON v.id = s.id AND v.n = 1
LEFT JOIN turns AS x ON x.id = s.id AND x.newest = 1 AND x.active = 0
