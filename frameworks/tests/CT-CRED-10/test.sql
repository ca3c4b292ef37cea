-- Four questions for each minting: holder, issuer, approval, binding.
WITH minted AS (
  SELECT e.entry, e.event_at, e.credential_id, e.credential_type, e.subject_id, COALESCE(e.actor_id, e.subject_id) AS issuer_id,
         e.actor_type, e.approval_id, b.value AS binding
  FROM entries e
  LEFT JOIN labels b ON b.entry = e.entry AND b.name = 'binding'
  WHERE e.kind IN ('issuance', 'rotation') AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.event_at >= $from AND e.event_at < $to
),
holders AS (
  SELECT m.entry, COUNT(i.id) AS registered,
         MAX(CASE WHEN i.starts_at <= m.event_at AND (i.ends_at IS NULL OR i.ends_at > m.event_at) THEN 1 ELSE 0 END) AS active
  FROM minted m
  LEFT JOIN identity_intervals i ON i.id = m.subject_id
  GROUP BY m.entry
),
issuers AS (
  SELECT i.id, i.starts_at, i.ends_at
  FROM identity_intervals i
  JOIN labels c ON c.entry = i.start_entry AND c.name = 'component' AND c.value = 'issuer'
),
entitled AS (
  SELECT m.entry, MAX(CASE WHEN i.starts_at <= m.event_at AND (i.ends_at IS NULL OR i.ends_at > m.event_at) THEN 1 ELSE 0 END) AS entitled
  FROM minted m
  JOIN issuers i ON i.id = m.issuer_id
  GROUP BY m.entry
),
delegators AS (
  -- Whoever delegates mints the delegation: the holder's permission is then cut from the delegator's own.
  SELECT entry FROM labels WHERE name = 'delegation_scope' GROUP BY entry
),
incidents AS (
  -- In an incident people mint by hand; CT-REV-05 looks at what they do.
  SELECT entry FROM labels WHERE name = 'incident' GROUP BY entry
),
approvals_given AS (
  SELECT approval_id, MIN(event_at) AS granted_at, MIN(entry) AS approval_entry
  FROM entries
  WHERE kind = 'approval' AND approval_decision = 'granted' AND approval_id IS NOT NULL AND outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY approval_id
),
known AS (
  -- Where the ledger holds no entry of a sort at all, its absence says nothing about a member.
  SELECT (SELECT COUNT(*) FROM identity_intervals) AS identities, (SELECT COUNT(*) FROM issuers) AS issuers,
         (SELECT COUNT(*) FROM approvals_given) AS approvals
),
judged AS (
  SELECT m.entry, m.event_at, m.subject_id, m.credential_id, m.credential_type,
         CASE WHEN k.identities = 0 THEN ''
              WHEN h.registered = 0 THEN ' its holder ' || m.subject_id || ' was never registered,'
              WHEN h.active = 0 THEN ' its holder ' || m.subject_id || ' was not active,' ELSE '' END
         || CASE WHEN d.entry IS NOT NULL OR n.entry IS NOT NULL AND m.actor_type = 'human' OR t.entitled = 1 OR k.issuers = 0 THEN ''
                 ELSE ' ' || m.issuer_id || ' was not registered as an issuer,' END
         || CASE WHEN k.approvals = 0 THEN ''
                 WHEN m.approval_id IS NOT NULL AND g.approval_id IS NULL THEN ' no entry grants the approval ' || m.approval_id || ' that it names,'
                 WHEN g.granted_at > m.event_at THEN ' it was approved only afterwards,'
                 WHEN m.approval_id IS NULL AND m.credential_type IN ('api-key', 'cloud-key', 'password', 'secret', 'ssh-key', 'certificate')
                 THEN ' it names no approval,' ELSE '' END AS faults,
         CASE WHEN k.identities = 0 THEN ' the ledger registers no identities,' ELSE '' END
         || CASE WHEN k.issuers = 0 AND d.entry IS NULL THEN ' the ledger registers no issuers,' ELSE '' END
         || CASE WHEN k.approvals = 0 AND m.credential_type IN ('api-key', 'cloud-key', 'password', 'secret', 'ssh-key', 'certificate')
                 THEN ' the ledger holds no approvals,' ELSE '' END
         || CASE WHEN m.binding IS NULL THEN ' how it was tied to its holder is not recorded,' ELSE '' END
         || CASE WHEN m.approval_id IS NULL AND m.credential_type IS NULL THEN ' its type is not recorded,' ELSE '' END AS gaps,
         g.approval_entry, m.binding
  FROM minted m
  CROSS JOIN known k
  JOIN holders h ON h.entry = m.entry
  LEFT JOIN entitled t ON t.entry = m.entry
  LEFT JOIN delegators d ON d.entry = m.entry
  LEFT JOIN incidents n ON n.entry = m.entry
  LEFT JOIN approvals_given g ON g.approval_id = m.approval_id
)
SELECT COALESCE(credential_id, 'entry ' || CAST(entry AS VARCHAR)) AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN gaps <> '' THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN faults <> '' THEN 'Minted although' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
            WHEN gaps <> '' THEN 'It was minted, but' || SUBSTR(gaps, 1, LENGTH(gaps) - 1) || '.'
            ELSE 'Minted for the registered ' || subject_id || ', tied to it by ' || binding || '.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(approval_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY subject, entry
