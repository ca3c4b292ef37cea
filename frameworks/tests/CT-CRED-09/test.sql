-- The exchange must repeat exactly what the newest registration of its trust says, and a trust must not be for anybody.
WITH exchanges AS (
  SELECT e.entry, e.event_at, e.subject_id,
         MAX(CASE WHEN l.name = 'trust' THEN l.value END) AS trust,
         MAX(CASE WHEN l.name = 'issuer' THEN l.value END) AS issuer,
         MAX(CASE WHEN l.name = 'audience' THEN l.value END) AS audience,
         MAX(CASE WHEN l.name = 'subject_condition' THEN l.value END) AS condition
  FROM entries e
  LEFT JOIN labels l ON l.entry = e.entry AND l.name IN ('trust', 'issuer', 'audience', 'subject_condition')
  WHERE e.kind = 'issuance' AND e.action = 'token.exchange' AND e.outcome NOT IN ('deny', 'failure', 'error')
    AND e.event_at >= $from AND e.event_at < $to
  GROUP BY e.entry, e.event_at, e.subject_id
),
trusts AS (
  SELECT e.subject_id AS trust, e.entry, e.event_at,
         MAX(CASE WHEN l.name = 'issuer' THEN l.value END) AS issuer,
         MAX(CASE WHEN l.name = 'audience' THEN l.value END) AS audience,
         MAX(CASE WHEN l.name = 'subject_condition' THEN l.value END) AS condition
  FROM entries e
  JOIN labels c ON c.entry = e.entry AND c.name = 'component' AND c.value = 'trust'
  LEFT JOIN labels l ON l.entry = e.entry AND l.name IN ('issuer', 'audience', 'subject_condition')
  WHERE e.kind = 'lifecycle' AND e.lifecycle_verb IN ('provisioned', 'changed') AND e.outcome NOT IN ('deny', 'failure', 'error')
  GROUP BY e.subject_id, e.entry, e.event_at
),
register_size AS (
  SELECT COUNT(*) AS n FROM trusts
),
matched AS (
  SELECT x.entry, x.event_at, x.subject_id, z.n AS trusts_known, x.trust, x.issuer, x.audience, x.condition, t.entry AS trust_entry,
         t.issuer AS t_issuer, t.audience AS t_audience, t.condition AS t_condition,
         ROW_NUMBER() OVER (PARTITION BY x.entry ORDER BY t.event_at DESC, t.entry DESC) AS n
  FROM exchanges x
  CROSS JOIN register_size z
  LEFT JOIN trusts t ON t.trust = x.trust AND t.event_at <= x.event_at
),
judged AS (
  SELECT entry, event_at, subject_id, trust, trust_entry,
         CASE WHEN trust IS NOT NULL AND trust_entry IS NULL AND trusts_known > 0 THEN ' its trust ' || trust || ' was not registered,' ELSE '' END
         || CASE WHEN issuer <> t_issuer THEN ' the issuer is another than the registered one,' ELSE '' END
         || CASE WHEN audience <> t_audience THEN ' the audience is another than the registered one,' ELSE '' END
         || CASE WHEN condition <> t_condition THEN ' the subject condition is another than the registered one,' ELSE '' END
         || CASE WHEN REPLACE(COALESCE(condition, t_condition), '*', '') <> COALESCE(condition, t_condition)
                 THEN ' the subject condition ' || COALESCE(condition, t_condition) || ' lets in more than one subject,' ELSE '' END AS faults,
         CASE WHEN trust IS NULL OR trust_entry IS NULL OR issuer IS NULL OR audience IS NULL OR condition IS NULL
                OR trust_entry IS NOT NULL AND (t_issuer IS NULL OR t_audience IS NULL OR t_condition IS NULL) THEN 1 ELSE 0 END AS gaps
  FROM matched
  WHERE n = 1
)
SELECT subject_id AS subject,
       CASE WHEN faults <> '' THEN 'fail' WHEN gaps = 1 THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN faults <> '' THEN 'A foreign token was exchanged although' || SUBSTR(faults, 1, LENGTH(faults) - 1) || '.'
            WHEN gaps = 1 THEN 'Trust, issuer, audience or subject condition is not recorded for the exchange or its trust.'
            ELSE 'Issuer, audience and subject were as registered for ' || trust || '.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(trust_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM judged
ORDER BY subject_id, entry
