-- The clock runs from the removal of the owner to the next statement of an owner, or to the end of the machine identity.
WITH leavers AS (
  SELECT i.id, i.end_entry, i.ends_at
  FROM identity_intervals i
  JOIN entries e ON e.entry = i.end_entry
  WHERE i.end_verb = 'offboarded' AND e.subject_type = 'human' AND i.ends_at < $to
),
machines AS (
  SELECT id, starts_at, start_entry, ends_at, end_entry FROM identity_intervals
),
orphans AS (
  SELECT o.owned AS id, l.id AS owner, l.end_entry, l.ends_at AS left_at, l.ends_at + $handover_days * 86400000000 AS due_at,
         o.ends_at AS handed_at, o.end_entry AS handed_entry, m.ends_at AS retired_at, m.end_entry AS retired_entry
  FROM leavers l
  JOIN owners o ON o.owner = l.id AND o.role = 'lifecycle-owner' AND o.starts_at <= l.ends_at AND (o.ends_at IS NULL OR o.ends_at > l.ends_at)
  JOIN machines m ON m.id = o.owned AND m.starts_at <= l.ends_at AND (m.ends_at IS NULL OR m.ends_at > l.ends_at)
),
solved AS (
  SELECT id, owner, end_entry, left_at, due_at,
         CASE WHEN handed_at IS NULL OR retired_at < handed_at THEN retired_at ELSE handed_at END AS solved_at,
         CASE WHEN handed_at IS NULL OR retired_at < handed_at THEN retired_entry ELSE handed_entry END AS solved_entry
  FROM orphans
)
SELECT id AS subject,
       CASE WHEN solved_at <= due_at THEN 'pass' ELSE 'fail' END AS outcome,
       CASE WHEN solved_at IS NULL OR solved_at >= $to THEN 'Still without an owner since ' || owner || ' was removed, '
                 || CAST(CAST((($to - left_at) - ($to - left_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days before the end of the period; '
            ELSE 'Handed over or retired ' || CAST(CAST(((solved_at - left_at) - (solved_at - left_at) % 86400000000) / 86400000000 AS BIGINT) AS VARCHAR) || ' days and ' || CAST(CAST((((solved_at - left_at) % 86400000000) - ((solved_at - left_at) % 86400000000) % 3600000000) / 3600000000 AS BIGINT) AS VARCHAR)
                 || ' hours after its owner ' || owner || ' was removed; ' END
         || CAST($handover_days AS VARCHAR) || ' days are allowed.' AS reason,
       CAST(end_entry AS VARCHAR) || CASE WHEN solved_at < $to THEN ',' || CAST(solved_entry AS VARCHAR) ELSE '' END AS entries,
       left_at AS at
FROM solved
WHERE (due_at < $to OR solved_at < $to) AND (due_at >= $from OR solved_at IS NULL OR solved_at >= $from)
ORDER BY id, end_entry
