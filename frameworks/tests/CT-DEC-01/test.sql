-- The decision and the access share the request id; everything else must agree, too.
WITH unreachable AS (
  SELECT entry FROM labels WHERE name = 'pdp_status' AND value = 'unavailable' GROUP BY entry
),
accesses AS (
  SELECT e.entry, e.event_at, e.correlation_request AS request, e.subject_id, COALESCE(e.resource_id, '') AS resource_id,
         COALESCE(e.action, '') AS action, e.outcome,
         CASE WHEN e.policy_decision_point IS NOT NULL THEN 1 ELSE 0 END AS decides_itself
  FROM entries e
  LEFT JOIN unreachable u ON u.entry = e.entry
  WHERE e.kind = 'decision' AND e.policy_enforcement_point IS NOT NULL AND e.event_at >= $from AND e.event_at < $to AND u.entry IS NULL
),
decisions_made AS (
  SELECT correlation_request AS request, subject_id, COALESCE(resource_id, '') AS resource_id, COALESCE(action, '') AS action,
         COUNT(*) AS made, MIN(entry) AS entry, MAX(entry) AS last_entry, MIN(event_at) AS first_at, MIN(outcome) AS least, MAX(outcome) AS most
  FROM entries
  WHERE kind = 'decision' AND policy_decision_point IS NOT NULL AND policy_enforcement_point IS NULL AND correlation_request IS NOT NULL
  GROUP BY correlation_request, subject_id, COALESCE(resource_id, ''), COALESCE(action, '')
),
requests AS (
  SELECT request, MIN(entry) AS entry FROM decisions_made GROUP BY request
),
known AS (
  SELECT COUNT(*) AS n FROM decisions_made
),
joined AS (
  SELECT a.entry, a.event_at, a.subject_id, a.request, a.outcome, a.decides_itself, k.n AS decisions_known, d.made, d.entry AS decision_entry, d.last_entry,
         d.first_at, d.least, d.most, r.entry AS other_entry
  FROM accesses a
  CROSS JOIN known k
  LEFT JOIN decisions_made d ON d.request = a.request AND d.subject_id = a.subject_id AND d.resource_id = a.resource_id AND d.action = a.action
  LEFT JOIN requests r ON r.request = a.request
)
SELECT subject_id AS subject,
       CASE WHEN decides_itself = 1 THEN 'pass'
            WHEN request IS NULL OR decisions_known = 0 THEN 'insufficient'
            WHEN made = 1 AND first_at <= event_at AND least = outcome THEN 'pass'
            ELSE 'fail' END AS outcome,
       CASE WHEN decides_itself = 1 THEN 'Decided and enforced in one record.'
            WHEN request IS NULL THEN 'The access names no request, so its decision cannot be found.'
            WHEN decisions_known = 0 THEN 'The ledger holds no decisions of a decision point, so whether there was one cannot be told.'
            WHEN made IS NULL AND other_entry IS NULL THEN 'Access (' || outcome || ') without a decision for request ' || request || '.'
            WHEN made IS NULL THEN 'The decision for request ' || request || ' is about another identity, resource or action.'
            WHEN made > 1 THEN 'Decisions for request ' || request || ': ' || CAST(made AS VARCHAR) || ' instead of one.'
            WHEN first_at > event_at THEN 'The decision for request ' || request || ' came ' || CAST(CAST(((first_at - event_at) - (first_at - event_at) % 1000000) / 1000000 AS BIGINT) AS VARCHAR) || ' seconds after the access.'
            WHEN least <> outcome THEN 'Decided ' || least || ', but enforced as ' || outcome || '.'
            ELSE 'Decided before, once, with the same answer.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(decision_entry AS VARCHAR), '')
         || CASE WHEN made > 1 THEN ',' || CAST(last_entry AS VARCHAR) ELSE '' END
         || CASE WHEN made IS NULL THEN COALESCE(',' || CAST(other_entry AS VARCHAR), '') ELSE '' END AS entries,
       event_at AS at
FROM joined
ORDER BY entry
