-- When an identity was active: one row per provisioning that was not a repetition.
WITH acts AS (
  SELECT subject_id AS id, event_at, entry, lifecycle_verb AS verb,
    CASE WHEN lifecycle_verb = 'provisioned' THEN 1 ELSE 0 END AS active
  FROM lifecycle
  WHERE lifecycle_verb IN ('provisioned', 'disabled', 'offboarded') AND outcome NOT IN ('deny', 'failure', 'error')
), marked AS (
  SELECT id, event_at, entry, verb, active,
    LAG(active) OVER (PARTITION BY id ORDER BY event_at, entry) AS was_active
  FROM acts
), changes AS (
  SELECT id, event_at, entry, active,
    LEAD(event_at) OVER (PARTITION BY id ORDER BY event_at, entry) AS next_at,
    LEAD(entry) OVER (PARTITION BY id ORDER BY event_at, entry) AS next_entry,
    LEAD(verb) OVER (PARTITION BY id ORDER BY event_at, entry) AS next_verb
  FROM marked
  WHERE active <> COALESCE(was_active, 0)
)
SELECT id, ROW_NUMBER() OVER (PARTITION BY id ORDER BY event_at, entry) AS n,
  event_at AS starts_at, entry AS start_entry, next_at AS ends_at, next_entry AS end_entry, next_verb AS end_verb
FROM changes
WHERE active = 1
