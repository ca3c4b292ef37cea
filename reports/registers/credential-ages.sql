-- Credentials in force at the end of the period, oldest first.
SELECT id AS credential, subject_id AS identity, COALESCE(type, '') AS kind, issued_at AS since,
  CAST((($to - issued_at) - ($to - issued_at) % 86400000000) / 86400000000 AS BIGINT) AS age_days
FROM credentials
WHERE issued_at < $to
  AND (expires_at IS NULL OR expires_at > $to)
  AND (revoked_at IS NULL OR revoked_at >= $to)
  AND (replaced_at IS NULL OR replaced_at >= $to)
ORDER BY issued_at, id
