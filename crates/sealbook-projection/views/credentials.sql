-- One row per credential id seen anywhere.
WITH seen AS (
  SELECT credential_id AS id, credential_type AS type, event_at, entry, credential_issued_at AS issued_at,
    credential_expires_at AS expires_at,
    CASE WHEN kind = 'decision' AND outcome IN ('allow', 'success') THEN event_at END AS use_at
  FROM entries
  WHERE credential_id IS NOT NULL AND credential_id <> '(sealed)'
), facts AS (
  SELECT id, type, MIN(event_at) AS first_at, MAX(event_at) AS last_at, MIN(issued_at) AS issued_at,
    MAX(expires_at) AS expires_at, MIN(use_at) AS first_use_at, MAX(use_at) AS last_use_at, COUNT(use_at) AS uses
  FROM seen
  GROUP BY id, type
), spans AS (
  SELECT id, MIN(first_at) AS first_at, MIN(issued_at) AS issued_at, MAX(expires_at) AS expires_at,
    MIN(first_use_at) AS first_use_at, MAX(last_use_at) AS last_use_at, SUM(uses) AS uses
  FROM facts
  GROUP BY id
), types AS (
  SELECT id, type, ROW_NUMBER() OVER (PARTITION BY id ORDER BY last_at DESC, type) AS newest
  FROM facts
  WHERE type IS NOT NULL
), places AS (
  SELECT s.id,
    MIN(CASE WHEN e.event_at = s.first_at THEN e.entry END) AS first_entry,
    MIN(CASE WHEN e.use_at = s.first_use_at THEN e.entry END) AS first_use_entry,
    MAX(CASE WHEN e.use_at = s.last_use_at THEN e.entry END) AS last_use_entry
  FROM seen AS e
  JOIN spans AS s ON s.id = e.id
  WHERE e.event_at = s.first_at OR e.use_at = s.first_use_at OR e.use_at = s.last_use_at
  GROUP BY s.id
), minted AS (
  SELECT credential_id AS id, credential_type, subject_id, subject_type, event_at, entry, kind,
    COALESCE(credential_issued_at, event_at) AS issued_at, credential_expires_at, credential_replaces,
    COALESCE(actor_id, subject_id) AS issued_by,
    ROW_NUMBER() OVER (PARTITION BY credential_id ORDER BY event_at, entry) AS n
  FROM (
    SELECT credential_id, credential_type, subject_id, subject_type, event_at, entry, kind, outcome,
      credential_issued_at, credential_expires_at, credential_replaces, actor_id
    FROM issuances
    UNION ALL
    SELECT credential_id, credential_type, subject_id, subject_type, event_at, entry, kind, outcome,
      credential_issued_at, credential_expires_at, credential_replaces, actor_id
    FROM rotations
  ) AS mints
  WHERE credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
), replaced AS (
  SELECT credential_replaces AS id, credential_id AS replaced_by, event_at, entry,
    ROW_NUMBER() OVER (PARTITION BY credential_replaces ORDER BY event_at, entry) AS n
  FROM rotations
  WHERE credential_replaces IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
), revoked AS (
  SELECT credential_id AS id, event_at, entry,
    ROW_NUMBER() OVER (PARTITION BY credential_id ORDER BY event_at, entry) AS n
  FROM revocations
  WHERE credential_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
)
SELECT s.id AS id, COALESCE(m.credential_type, t.type) AS type,
  COALESCE(m.subject_id, f.subject_id) AS subject_id, COALESCE(m.subject_type, f.subject_type) AS subject_type,
  COALESCE(m.issued_at, s.issued_at) AS issued_at, m.entry AS issued_entry, m.kind AS issued_kind, m.issued_by AS issued_by,
  COALESCE(m.credential_expires_at, s.expires_at) AS expires_at, m.credential_replaces AS replaces,
  r.replaced_by AS replaced_by, r.event_at AS replaced_at, r.entry AS replaced_entry,
  v.event_at AS revoked_at, v.entry AS revoked_entry,
  s.first_at AS first_at, p.first_entry AS first_entry,
  s.first_use_at AS first_use_at, p.first_use_entry AS first_use_entry,
  s.last_use_at AS last_use_at, p.last_use_entry AS last_use_entry, s.uses AS uses
FROM spans AS s
JOIN places AS p ON p.id = s.id
LEFT JOIN types AS t ON t.id = s.id AND t.newest = 1
LEFT JOIN entries AS f ON f.entry = p.first_entry
LEFT JOIN minted AS m ON m.id = s.id AND m.n = 1
LEFT JOIN replaced AS r ON r.id = s.id AND r.n = 1
LEFT JOIN revoked AS v ON v.id = s.id AND v.n = 1
