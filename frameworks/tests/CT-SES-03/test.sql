-- Action and resource must lie within the delegation and within each one that it was cut from, so that passing on can only narrow.
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
  SELECT e.entry, e.event_at, e.subject_id, e.action, e.resource_id, l.value AS delegation
  FROM labels l
  JOIN entries e ON e.entry = l.entry
  WHERE l.name = 'delegation' AND e.kind = 'decision' AND e.outcome IN ('allow', 'success') AND e.subject_type = 'agent'
    AND e.event_at >= $from AND e.event_at < $to AND COALESCE(e.action, '') <> 'session.open'
),
judged AS (
  SELECT a.entry, a.event_at, a.subject_id, a.action, a.resource_id, a.delegation, c.entry AS delegation_entry,
         CASE WHEN REPLACE(' ' || c.scope || ' ', ' ' || a.action || ' ', '') = ' ' || c.scope || ' ' THEN ' the action is not in its delegation,' ELSE '' END
         || CASE WHEN c.resources <> '*' AND SUBSTR(a.resource_id, 1, LENGTH(c.resources)) <> c.resources THEN ' the resource is not in its delegation,' ELSE '' END
         || CASE WHEN REPLACE(' ' || c.p_scope || ' ', ' ' || a.action || ' ', '') = ' ' || c.p_scope || ' '
                   OR REPLACE(' ' || c.q_scope || ' ', ' ' || a.action || ' ', '') = ' ' || c.q_scope || ' '
                   OR REPLACE(' ' || c.r_scope || ' ', ' ' || a.action || ' ', '') = ' ' || c.r_scope || ' '
                   OR c.p_resources <> '*' AND SUBSTR(a.resource_id, 1, LENGTH(c.p_resources)) <> c.p_resources
                   OR c.q_resources <> '*' AND SUBSTR(a.resource_id, 1, LENGTH(c.q_resources)) <> c.q_resources
                   OR c.r_resources <> '*' AND SUBSTR(a.resource_id, 1, LENGTH(c.r_resources)) <> c.r_resources
                 THEN ' it was widened when it was passed on,' ELSE '' END AS faults,
         CASE WHEN c.id IS NULL OR c.scope IS NULL OR c.scope = '(sealed)' OR c.resources IS NULL OR a.action IS NULL OR a.resource_id IS NULL
                OR c.parent IS NOT NULL AND c.p_id IS NULL OR c.p_parent IS NOT NULL AND c.q_id IS NULL
                OR c.q_parent IS NOT NULL AND c.r_id IS NULL OR c.r_parent IS NOT NULL THEN 1 ELSE 0 END AS gaps,
         CASE WHEN c.scope = '(sealed)' THEN 1 ELSE 0 END AS hidden
  FROM acts a
  LEFT JOIN chain c ON c.id = a.delegation
)
SELECT subject_id AS subject,
       CASE WHEN hidden = 1 THEN 'insufficient' WHEN faults <> '' THEN 'fail' WHEN gaps = 1 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN hidden = 1 THEN 'The scope of the delegation ' || delegation || ' is sealed.'
            WHEN faults <> '' THEN 'It did ' || COALESCE(action, 'something') || ' on ' || COALESCE(resource_id, 'something') || ' under the delegation ' || delegation
                 || ', but' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
            WHEN gaps = 1 THEN 'What the delegation ' || delegation || ' (or one above it) allows, or what was done, is not recorded in full.'
            ELSE 'It did ' || action || ' on ' || resource_id || ', within the delegation ' || delegation || '.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(delegation_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY entry
