-- The snapshot is rebuilt from the grants and their ends, and compared with what the review looked at.
WITH granted AS (
  SELECT l.value AS id, MIN(e.entry) AS entry, MIN(e.event_at) AS granted_at, MIN(e.subject_id) AS holder,
         CASE WHEN MIN(CASE WHEN e.subject_type = 'human' THEN 0 ELSE 1 END) = 0 THEN 'people' ELSE 'machines' END AS scope,
         MAX(e.approval_valid_until) AS until_at, COUNT(*) - COUNT(e.approval_valid_until) AS endless
  FROM labels l
  JOIN entries e ON e.entry = l.entry
  WHERE l.name = 'grant' AND e.kind = 'lifecycle' AND e.action = 'access.grant' AND e.outcome NOT IN ('deny', 'failure', 'error') AND e.event_at < $to
  GROUP BY l.value
),
ends AS (
  SELECT l.value AS id, MIN(e.event_at) AS ended_at
  FROM labels l
  JOIN entries e ON e.entry = l.entry AND e.kind = 'revocation' AND e.outcome NOT IN ('deny', 'failure', 'error')
  WHERE l.name = 'grant'
  GROUP BY l.value
),
campaigns AS (
  SELECT s.review_id AS id, s.review_scope AS scope, s.entry, s.event_at AS started_at, MIN(c.event_at) AS closed_at
  FROM entries s
  LEFT JOIN entries c ON c.kind = 'review' AND c.action = 'review.close' AND c.review_id = s.review_id AND c.event_at < $to
  WHERE s.kind = 'review' AND s.action = 'review.start' AND s.event_at < $to
  GROUP BY s.review_id, s.review_scope, s.entry, s.event_at
),
items AS (
  SELECT e.review_id, l.value AS grant_id, MIN(e.entry) AS item_entry
  FROM labels l
  JOIN entries e ON e.entry = l.entry AND e.kind = 'review' AND e.review_decision IS NOT NULL
  WHERE l.name = 'grant'
  GROUP BY e.review_id, l.value
),
expected AS (
  SELECT c.id AS review_id, c.entry AS start_entry, c.started_at, g.id AS grant_id, g.entry, g.holder, i.item_entry
  FROM campaigns c
  JOIN granted g ON g.scope = c.scope AND g.granted_at <= c.started_at AND (g.endless > 0 OR g.until_at > c.started_at)
  LEFT JOIN ends x ON x.id = g.id
  LEFT JOIN items i ON i.review_id = c.id AND i.grant_id = g.id
  WHERE c.started_at >= $from AND (c.closed_at IS NOT NULL OR c.started_at + $review_run_days * 86400000000 < $to)
    AND (x.ended_at IS NULL OR x.ended_at > c.started_at)
),
marks AS (
  SELECT scope, MIN(granted_at) AS mark_at, MIN(entry) AS entry, 0 AS review FROM granted GROUP BY scope
  UNION ALL
  SELECT scope, started_at, entry, 1 FROM campaigns WHERE scope IN ('people', 'machines')
  UNION ALL
  SELECT scope, $to, NULL, 0 FROM granted GROUP BY scope
),
gaps AS (
  SELECT scope, mark_at, entry, review, mark_at - LAG(mark_at) OVER (PARTITION BY scope ORDER BY mark_at, review) AS gap,
         LAG(entry) OVER (PARTITION BY scope ORDER BY mark_at, review) AS before_entry
  FROM marks
),
ranked AS (
  SELECT scope, mark_at, entry, before_entry, gap, ROW_NUMBER() OVER (PARTITION BY scope ORDER BY gap DESC, mark_at) AS n,
         SUM(review) OVER (PARTITION BY scope) AS reviews
  FROM gaps
  WHERE gap IS NOT NULL AND mark_at >= $from
),
rhythm AS (
  SELECT scope, mark_at, entry, before_entry, gap, reviews,
         CASE WHEN scope = 'people' THEN $review_interval_days ELSE $machine_review_interval_days END AS allowed
  FROM ranked
  WHERE n = 1
)
SELECT holder AS subject,
       CASE WHEN item_entry IS NULL THEN 'fail' ELSE 'pass' END AS outcome,
       CASE WHEN item_entry IS NULL THEN 'Grant ' || grant_id || ' was in force when the review ' || review_id || ' began, but was not part of it.'
            ELSE 'Grant ' || grant_id || ' was part of the review ' || review_id || '.' END AS reason,
       CAST(entry AS VARCHAR) || ',' || CAST(start_entry AS VARCHAR) || COALESCE(',' || CAST(item_entry AS VARCHAR), '') AS entries,
       started_at AS at
FROM expected
UNION ALL
SELECT 'reviews of ' || scope,
       CASE WHEN gap > allowed * 86400000000 THEN 'fail' WHEN reviews = 0 THEN 'insufficient' ELSE 'pass' END,
       CASE WHEN reviews = 0 THEN 'No review in ' || CAST(CAST((gap - gap % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days since the first grant' ELSE 'Longest time without a new review: ' || CAST(CAST((gap - gap % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days' END
         || '; at most ' || CAST(allowed AS VARCHAR) || ' days are allowed.',
       COALESCE(CAST(before_entry AS VARCHAR), '') || COALESCE(',' || CAST(entry AS VARCHAR), ''),
       mark_at - 1
FROM rhythm
ORDER BY 1, 5, 4
