-- Compared with the actor of the grant and with the approver of the approval that the grant names.
WITH items AS (
  SELECT e.entry, e.event_at, e.subject_id, COALESCE(e.actor_id, e.subject_id) AS reviewer, e.review_id, e.review_decision AS decision, l.value AS grant_id
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name = 'grant'
  WHERE e.kind = 'review' AND e.action = 'review.item' AND e.review_decision IS NOT NULL AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.event_at >= $from AND e.event_at < $to
),
granted AS (
  SELECT l.value AS grant_id, e.entry, e.actor_id, e.approval_id, ROW_NUMBER() OVER (PARTITION BY l.value ORDER BY e.event_at, e.entry) AS n
  FROM labels l
  JOIN entries e ON e.entry = l.entry AND e.kind = 'lifecycle' AND e.action = 'access.grant' AND e.outcome NOT IN ('deny', 'failure', 'error')
  WHERE l.name = 'grant'
),
given AS (
  SELECT approval_id, COALESCE(approval_approver, actor_id) AS approver, entry, ROW_NUMBER() OVER (PARTITION BY approval_id ORDER BY event_at, entry) AS n
  FROM entries
  WHERE kind = 'approval' AND approval_decision = 'granted' AND approval_id IS NOT NULL
),
paced AS (
  SELECT entry, event_at, subject_id, reviewer, review_id, decision, grant_id,
         event_at - LAG(event_at) OVER (PARTITION BY review_id, reviewer ORDER BY event_at, entry) AS pause
  FROM items
),
by_reviewer AS (
  SELECT review_id, reviewer, COUNT(*) AS looked_at, SUM(CASE WHEN decision = 'keep' THEN 1 ELSE 0 END) AS kept,
         SUM(CASE WHEN pause < CAST($bulk_seconds AS BIGINT) * 1000000 THEN 1 ELSE 0 END) AS quick
  FROM paced
  GROUP BY review_id, reviewer
)
SELECT i.subject_id AS subject,
       CASE WHEN i.reviewer IN (i.subject_id, g.actor_id, a.approver) THEN 'fail'
            WHEN i.grant_id IS NULL OR g.grant_id IS NULL OR i.reviewer = '(sealed)' THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN i.reviewer = i.subject_id THEN 'Reviewed by the holder: ' || i.reviewer || '.'
            WHEN i.reviewer = g.actor_id THEN 'Grant ' || i.grant_id || ' was reviewed by ' || i.reviewer || ', who had granted it.'
            WHEN i.reviewer = a.approver THEN 'Grant ' || i.grant_id || ' was reviewed by ' || i.reviewer || ', who had approved it.'
            WHEN i.grant_id IS NULL OR g.grant_id IS NULL THEN 'Which grant was reviewed, or who gave it, is not recorded.'
            ELSE 'Grant ' || i.grant_id || ' was reviewed by ' || i.reviewer || ', who had no part in it.' END
         || CASE WHEN b.looked_at >= 10 AND b.kept = b.looked_at THEN ' This reviewer kept all ' || CAST(b.looked_at AS VARCHAR) || ' grants of the review.' ELSE '' END
         || CASE WHEN b.looked_at >= 10 AND b.quick * 2 > b.looked_at THEN ' Most took less than ' || CAST($bulk_seconds AS VARCHAR) || ' seconds each.' ELSE '' END AS reason,
       CAST(i.entry AS VARCHAR) || COALESCE(',' || CAST(g.entry AS VARCHAR), '')
         || CASE WHEN i.reviewer = a.approver THEN ',' || CAST(a.entry AS VARCHAR) ELSE '' END AS entries,
       i.event_at AS at
FROM paced i
LEFT JOIN granted g ON g.grant_id = i.grant_id AND g.n = 1
LEFT JOIN given a ON a.approval_id = g.approval_id AND a.n = 1
LEFT JOIN by_reviewer b ON b.review_id = i.review_id AND b.reviewer = i.reviewer
ORDER BY i.subject_id, i.entry
