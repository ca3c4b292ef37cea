-- A version is in force from its publication to its retirement; a retired one may live on for the time that distribution takes.
WITH made AS (
  SELECT entry, event_at, subject_id, policy_id, policy_version, policy_digest
  FROM entries
  WHERE kind = 'decision' AND (policy_decision_point IS NOT NULL OR policy_enforcement_point IS NULL)
    AND event_at >= $from AND event_at < $to
),
acts AS (
  SELECT policy_id, policy_version, policy_digest, entry, event_at,
         CASE WHEN action = 'policy.retire' THEN 1 ELSE 0 END AS retires
  FROM entries
  WHERE kind = 'policy' AND policy_id IS NOT NULL AND policy_version IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
),
steps AS (
  SELECT policy_id, policy_version, policy_digest, entry, event_at, retires,
         LEAD(retires) OVER (PARTITION BY policy_id, policy_version ORDER BY event_at, entry) AS next_retires,
         LEAD(event_at) OVER (PARTITION BY policy_id, policy_version ORDER BY event_at, entry) AS next_at,
         LEAD(entry) OVER (PARTITION BY policy_id, policy_version ORDER BY event_at, entry) AS next_entry
  FROM acts
),
versions AS (
  SELECT policy_id, policy_version, policy_digest, entry AS published_entry, event_at AS published_at,
         next_at AS ended_at, CASE WHEN next_retires = 1 THEN next_entry END AS retired_entry,
         CASE WHEN next_retires = 1 THEN 1 ELSE 0 END AS retired
  FROM steps
  WHERE retires = 0
),
known AS (
  SELECT policy_id FROM acts GROUP BY policy_id
),
known_versions AS (
  SELECT policy_id, policy_version, MIN(published_at) AS published_at FROM versions GROUP BY policy_id, policy_version
),
joined AS (
  SELECT m.entry, m.event_at, m.subject_id, m.policy_id, m.policy_version, m.policy_digest, k.policy_id AS known_id, f.published_at AS first_at,
         v.published_entry, v.published_at, v.policy_digest AS published_digest, v.ended_at, v.retired, v.retired_entry,
         ROW_NUMBER() OVER (PARTITION BY m.entry ORDER BY v.published_at DESC, v.published_entry DESC) AS n
  FROM made m
  LEFT JOIN known k ON k.policy_id = m.policy_id
  LEFT JOIN known_versions f ON f.policy_id = m.policy_id AND f.policy_version = m.policy_version
  LEFT JOIN versions v ON v.policy_id = m.policy_id AND v.policy_version = m.policy_version AND v.published_at <= m.event_at
),
judged AS (
  SELECT entry, event_at, subject_id, policy_id, policy_version, published_entry, retired_entry,
         CASE WHEN policy_id IS NULL OR policy_version IS NULL OR policy_digest IS NULL THEN 'unnamed'
              WHEN known_id IS NULL THEN 'unknown'
              WHEN first_at IS NULL THEN 'never'
              WHEN published_entry IS NULL THEN 'early'
              WHEN published_digest <> policy_digest THEN 'other'
              WHEN retired = 1 AND event_at > ended_at + CAST($policy_propagation_minutes AS BIGINT) * 60000000 THEN 'late'
              WHEN published_digest IS NULL THEN 'undigested'
              ELSE 'good' END AS finding,
         event_at - ended_at AS over_by
  FROM joined
  WHERE n = 1
)
SELECT COALESCE(policy_id, subject_id) AS subject,
       CASE WHEN finding = 'good' THEN 'pass' WHEN finding IN ('unnamed', 'unknown', 'undigested') THEN 'insufficient' ELSE 'fail' END AS outcome,
       CASE finding
            WHEN 'unnamed' THEN 'The decision does not name policy, version and digest together.'
            WHEN 'unknown' THEN 'No entry publishes the policy ' || policy_id || ', so whether it was in force cannot be told.'
            WHEN 'undigested' THEN 'The publication of version ' || policy_version || ' of ' || policy_id || ' carries no digest to compare.'
            WHEN 'never' THEN 'Version ' || policy_version || ' of ' || policy_id || ' was never published.'
            WHEN 'early' THEN 'Version ' || policy_version || ' of ' || policy_id || ' was used before it was published.'
            WHEN 'other' THEN 'The text of version ' || policy_version || ' of ' || policy_id || ' is another than the published one.'
            WHEN 'late' THEN 'Version ' || policy_version || ' of ' || policy_id || ' was used ' || CAST(CAST((over_by - over_by % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes after it was retired; '
                 || CAST($policy_propagation_minutes AS VARCHAR) || ' minutes are allowed.'
            ELSE 'Version ' || policy_version || ' of ' || policy_id || ' was in force, with the published text.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(published_entry AS VARCHAR), '')
         || CASE WHEN finding = 'late' THEN ',' || CAST(retired_entry AS VARCHAR) ELSE '' END AS entries,
       event_at AS at
FROM judged
ORDER BY entry
