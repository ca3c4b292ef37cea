-- Machine identities that were active at some time in the period, who answers for them, and who owns the policy of the domain
-- in which a decision about them was last made.
WITH domains AS (
  SELECT subject_id AS id, domain
  FROM (
    SELECT d.subject_id, l.value AS domain, ROW_NUMBER() OVER (PARTITION BY d.subject_id ORDER BY d.entry DESC) AS n
    FROM decisions AS d
    JOIN labels AS l ON l.entry = d.entry AND l.name = 'domain'
    WHERE d.event_at < $to
  ) AS newest
  WHERE n = 1
), policy AS (
  SELECT owned, MAX(owner) AS owner
  FROM owners
  WHERE role = 'policy-owner' AND ends_at IS NULL
  GROUP BY owned
), reviewed AS (
  SELECT subject_id AS id, MAX(event_at) AS reviewed_at
  FROM reviews
  WHERE event_at < $to
  GROUP BY subject_id
)
SELECT i.id AS identity, i.type AS kind, i.owner AS lifecycle_owner, p.owner AS policy_owner,
  r.reviewed_at AS reviewed_at
FROM identities AS i
LEFT JOIN domains AS d ON d.id = i.id
LEFT JOIN policy AS p ON p.owned = d.domain
LEFT JOIN reviewed AS r ON r.id = i.id
WHERE i.machine = 1 AND i.first_at < $to AND (i.ended_at IS NULL OR i.ended_at >= $from)
ORDER BY i.id
