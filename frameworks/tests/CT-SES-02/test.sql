-- The act names its delegation and the person; each delegation on the way up must be recorded and valid at the time of the act.
WITH given AS (
  SELECT e.credential_id AS id, e.entry, e.event_at, e.subject_id, e.actor_id, e.credential_issued_at, e.credential_expires_at,
         MAX(CASE WHEN l.name = 'delegation_scope' THEN l.value END) AS scope,
         MAX(CASE WHEN l.name = 'delegation_resources' THEN l.value END) AS resources,
         MAX(CASE WHEN l.name = 'delegation_parent' THEN l.value END) AS parent,
         ROW_NUMBER() OVER (PARTITION BY e.credential_id ORDER BY e.event_at, e.entry) AS n
  FROM labels s
  JOIN entries e ON e.entry = s.entry AND e.kind = 'issuance' AND e.credential_id IS NOT NULL AND e.outcome NOT IN ('deny', 'failure', 'error')
  JOIN labels l ON l.entry = s.entry AND l.name IN ('delegation_scope', 'delegation_resources', 'delegation_parent')
  WHERE s.name = 'delegation_scope'
  GROUP BY e.credential_id, e.entry, e.event_at, e.subject_id, e.actor_id, e.credential_issued_at, e.credential_expires_at
),
withdrawn AS (
  SELECT credential_id AS id, MIN(event_at) AS withdrawn_at
  FROM entries
  WHERE kind = 'revocation' AND credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY credential_id
),
delegations AS (
  SELECT g.id, g.entry, g.subject_id, g.actor_id, g.scope, g.resources, g.parent,
         CASE WHEN g.credential_issued_at < g.event_at THEN g.credential_issued_at ELSE g.event_at END AS starts_at,
         CASE WHEN w.withdrawn_at IS NOT NULL AND (g.credential_expires_at IS NULL OR w.withdrawn_at < g.credential_expires_at)
              THEN w.withdrawn_at ELSE g.credential_expires_at END AS ends_at
  FROM given g
  LEFT JOIN withdrawn w ON w.id = g.id
  WHERE g.n = 1
),
chain AS (
  -- A delegation and those that it was cut from, at most three above it.
  SELECT d.id, d.subject_id, d.actor_id, d.entry, d.starts_at, d.ends_at, d.scope, d.resources, d.parent,
         p.id AS p_id, p.actor_id AS p_actor, p.starts_at AS p_starts, p.ends_at AS p_ends, p.scope AS p_scope, p.resources AS p_resources, p.parent AS p_parent,
         q.id AS q_id, q.actor_id AS q_actor, q.starts_at AS q_starts, q.ends_at AS q_ends, q.scope AS q_scope, q.resources AS q_resources, q.parent AS q_parent,
         r.id AS r_id, r.actor_id AS r_actor, r.starts_at AS r_starts, r.ends_at AS r_ends, r.scope AS r_scope, r.resources AS r_resources, r.parent AS r_parent
  FROM delegations d
  LEFT JOIN delegations p ON p.id = d.parent
  LEFT JOIN delegations q ON q.id = p.parent
  LEFT JOIN delegations r ON r.id = q.parent
),
acts AS (
  SELECT e.entry, e.event_at, e.subject_id,
         MAX(CASE WHEN l.name = 'on_behalf_of' THEN l.value END) AS behind,
         MAX(CASE WHEN l.name = 'delegation' THEN l.value END) AS delegation
  FROM labels l
  JOIN entries e ON e.entry = l.entry
  WHERE l.name IN ('on_behalf_of', 'delegation') AND e.kind = 'decision' AND e.outcome IN ('allow', 'success')
    AND e.event_at >= $from AND e.event_at < $to
    AND e.subject_type IN ('service-account', 'workload', 'api-key', 'token', 'certificate', 'agent')
  GROUP BY e.entry, e.event_at, e.subject_id
),
people AS (
  SELECT i.id, i.starts_at, i.ends_at
  FROM identity_intervals i
  JOIN entries e ON e.entry = i.start_entry
  LEFT JOIN labels c ON c.entry = i.start_entry AND c.name = 'component'
  WHERE e.subject_type = 'human' OR c.value = 'schedule'
),
register_size AS (
  SELECT COUNT(*) AS n FROM people
),
standing AS (
  SELECT a.entry, COUNT(p.id) AS registered,
         MAX(CASE WHEN p.starts_at <= a.event_at AND (p.ends_at IS NULL OR p.ends_at > a.event_at) THEN 1 ELSE 0 END) AS active
  FROM acts a
  LEFT JOIN people p ON p.id = a.behind
  GROUP BY a.entry
),
judged AS (
  SELECT a.entry, a.event_at, a.subject_id, a.behind, a.delegation, c.entry AS delegation_entry, z.n AS people_known, s.registered, s.active,
         CASE WHEN a.delegation IS NOT NULL AND c.id IS NULL THEN ' no entry gives the delegation ' || a.delegation || ',' ELSE '' END
         || CASE WHEN c.subject_id <> a.subject_id THEN ' the delegation was given to ' || c.subject_id || ',' ELSE '' END
         || CASE WHEN a.event_at < c.starts_at OR a.event_at > c.ends_at THEN ' the delegation was not valid at that moment,' ELSE '' END
         || CASE WHEN c.parent IS NOT NULL AND c.p_id IS NULL OR c.p_parent IS NOT NULL AND c.q_id IS NULL
                   OR c.q_parent IS NOT NULL AND c.r_id IS NULL THEN ' no entry gives the delegation that it was cut from,' ELSE '' END
         || CASE WHEN a.event_at < c.p_starts OR a.event_at > c.p_ends OR a.event_at < c.q_starts OR a.event_at > c.q_ends
                   OR a.event_at < c.r_starts OR a.event_at > c.r_ends THEN ' the delegation that it was cut from was not valid at that moment,' ELSE '' END
         || CASE WHEN a.behind <> COALESCE(c.r_actor, c.q_actor, c.p_actor, c.actor_id) THEN ' it was delegated by '
                   || COALESCE(c.r_actor, c.q_actor, c.p_actor, c.actor_id) || ',' ELSE '' END
         || CASE WHEN a.behind IS NOT NULL AND z.n > 0 AND s.registered = 0 THEN ' ' || a.behind || ' is not registered as a person or schedule,'
                 WHEN s.registered > 0 AND s.active = 0 THEN ' ' || a.behind || ' was not active at that moment,' ELSE '' END AS faults,
         CASE WHEN a.behind IS NULL OR a.delegation IS NULL OR z.n = 0 OR c.r_parent IS NOT NULL
                OR a.behind = '(sealed)' OR a.delegation = '(sealed)' THEN 1 ELSE 0 END AS gaps
  FROM acts a
  CROSS JOIN register_size z
  JOIN standing s ON s.entry = a.entry
  LEFT JOIN chain c ON c.id = a.delegation
)
SELECT subject_id AS subject,
       CASE WHEN behind = '(sealed)' OR delegation = '(sealed)' THEN 'insufficient' WHEN faults <> '' THEN 'fail' WHEN gaps = 1 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN behind = '(sealed)' OR delegation = '(sealed)' THEN 'For whom or under which delegation it acted is sealed.'
            WHEN faults <> '' THEN 'It acted on behalf of ' || COALESCE(behind, 'somebody not named') || ', but' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
            WHEN behind IS NULL THEN 'It acted under a delegation, but for whom is not recorded.'
            WHEN delegation IS NULL THEN 'It acted on behalf of ' || behind || ', but under which delegation is not recorded.'
            WHEN people_known = 0 THEN 'The ledger registers no people, so whether ' || behind || ' is one cannot be told.'
            WHEN gaps = 1 THEN 'The delegation was passed on more than three times; this test follows three.'
            ELSE 'It acted on behalf of ' || behind || ', who delegated this.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(delegation_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY entry
