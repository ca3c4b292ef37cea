-- In each place, no decision may use a version older than the newest one that was in use anywhere, counted from when that should have arrived.
-- A class that is under several policies in one place must be under the same ones in every place.
WITH allowed AS (
  SELECT entry, event_at, COALESCE(resource_type, '') AS class, policy_id, policy_version, exception_id,
         COALESCE(resource_environment, 'no environment') || ', ' || COALESCE(resource_account, 'no account') AS place,
         CASE WHEN resource_environment IS NULL OR resource_account IS NULL THEN 1 ELSE 0 END AS unplaced
  FROM entries
  WHERE kind = 'decision' AND outcome = 'allow' AND resource_type IS NOT NULL AND COALESCE(action, '') <> 'session.open'
    AND (policy_decision_point IS NOT NULL OR policy_enforcement_point IS NULL)
    AND event_at >= $from AND event_at < $to
),
first_seen AS (
  SELECT class, policy_id, policy_version, MIN(event_at) AS seen_at
  FROM allowed
  WHERE policy_id IS NOT NULL AND policy_version IS NOT NULL
  GROUP BY class, policy_id, policy_version
),
versions AS (
  SELECT class, policy_id, policy_version, seen_at,
         LEAD(seen_at) OVER (PARTITION BY class, policy_id ORDER BY seen_at, policy_version) AS next_at,
         LEAD(policy_version) OVER (PARTITION BY class, policy_id ORDER BY seen_at, policy_version) AS next_version
  FROM first_seen
),
checked AS (
  SELECT a.class, a.place, a.policy_id, a.policy_version, a.entry, a.event_at, a.unplaced, v.next_version,
         CASE WHEN a.exception_id IS NULL AND a.event_at > v.next_at + $spread_hours * 3600000000 THEN 1 ELSE 0 END AS old
  FROM allowed a
  LEFT JOIN versions v ON v.class = a.class AND v.policy_id = a.policy_id AND v.policy_version = a.policy_version
),
placed AS (
  SELECT class, place, policy_id, COUNT(*) AS made, SUM(old) AS old_made, MAX(unplaced) AS unplaced,
         MIN(entry) AS first_entry, MIN(CASE WHEN old = 1 THEN entry END) AS old_entry, MAX(event_at) AS last_at,
         MIN(CASE WHEN old = 1 THEN policy_version END) AS old_version, MIN(CASE WHEN old = 1 THEN next_version END) AS new_version,
         COUNT(*) - COUNT(policy_version) AS unversioned
  FROM checked
  GROUP BY class, place, policy_id
),
classes AS (
  SELECT class, COUNT(*) AS places FROM (SELECT class, place FROM placed GROUP BY class, place) AS p GROUP BY class
),
spread AS (
  SELECT class, policy_id, COUNT(*) AS places FROM placed GROUP BY class, policy_id
),
common AS (
  SELECT s.class, MIN(s.policy_id) AS policy_id FROM spread s JOIN classes c ON c.class = s.class AND c.places = s.places GROUP BY s.class
),
judged AS (
  SELECT p.class, p.place, p.policy_id, p.made, p.old_made, p.unplaced, p.first_entry, p.old_entry, p.last_at, p.old_version, p.new_version,
         p.unversioned, c.places, s.places AS policy_places, m.policy_id AS common_policy
  FROM placed p
  JOIN classes c ON c.class = p.class
  LEFT JOIN spread s ON s.class = p.class AND s.policy_id = p.policy_id
  LEFT JOIN common m ON m.class = p.class
)
SELECT class || ' in ' || place AS subject,
       CASE WHEN old_made > 0 THEN 'fail'
            WHEN policy_id IS NULL OR unversioned > 0 OR unplaced = 1 THEN 'insufficient'
            WHEN places > 1 AND policy_places = 1 THEN 'fail'
            ELSE 'pass' END AS outcome,
       CASE WHEN old_made > 0 THEN 'Decided by version ' || old_version || ' of ' || policy_id || ' more than ' || CAST($spread_hours AS VARCHAR)
                 || ' hours after version ' || new_version || ' was in use elsewhere, times: ' || CAST(old_made AS VARCHAR) || ' of ' || CAST(made AS VARCHAR) || '.'
            WHEN policy_id IS NULL OR unversioned > 0 THEN 'Decisions that do not name policy and version: '
                 || CAST(CASE WHEN policy_id IS NULL THEN made ELSE unversioned END AS VARCHAR) || ' of ' || CAST(made AS VARCHAR) || '.'
            WHEN unplaced = 1 THEN 'Environment or account of the resources is not recorded.'
            WHEN places > 1 AND policy_places = 1 THEN 'Decided by the policy ' || policy_id || ' in this place only'
                 || COALESCE(', elsewhere by ' || common_policy, '') || '; places with resources of this class: ' || CAST(places AS VARCHAR) || '.'
            ELSE 'Decided by ' || policy_id || ' in step with ' || CAST(policy_places - 1 AS VARCHAR) || ' other places, times: ' || CAST(made AS VARCHAR) || '.' END AS reason,
       COALESCE(old_entry, first_entry) AS entries,
       last_at AS at
FROM judged
ORDER BY class, place, policy_id NULLS FIRST
