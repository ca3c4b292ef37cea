-- Machine identities that were active at some time in the period, and who answers for them.
WITH policy AS (
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
LEFT JOIN policy AS p ON p.owned = i.id
LEFT JOIN reviewed AS r ON r.id = i.id
WHERE i.machine = 1 AND i.first_at < $to AND (i.ended_at IS NULL OR i.ended_at >= $from)
ORDER BY i.id
