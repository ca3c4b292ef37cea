-- The decision must say what it looked at and when that was observed.
WITH allowed AS (
  SELECT entry, event_at, subject_id
  FROM entries
  WHERE kind = 'decision' AND outcome = 'allow' AND (policy_decision_point IS NOT NULL OR policy_enforcement_point IS NULL)
    AND event_at >= $from AND event_at < $to
),
looked_at AS (
  SELECT a.entry, a.event_at, a.subject_id,
         MAX(CASE WHEN l.name = 'attr.device_posture' THEN l.value END) AS posture,
         MAX(CASE WHEN l.name = 'attr.workload_attested' THEN l.value END) AS attested,
         MAX(CASE WHEN l.name = 'attr.observed_at' THEN CAST(NULLIF(l.value, '(sealed)') AS BIGINT) END) AS observed_at
  FROM allowed a
  LEFT JOIN labels l ON l.entry = a.entry AND l.name IN ('attr.device_posture', 'attr.workload_attested', 'attr.observed_at')
  GROUP BY a.entry, a.event_at, a.subject_id
)
SELECT subject_id AS subject,
       CASE WHEN posture NOT IN ('compliant', '(sealed)') OR attested NOT IN ('true', '(sealed)') THEN 'fail'
            WHEN event_at - observed_at > CAST($freshness_minutes AS BIGINT) * 60000000 THEN 'fail'
            WHEN posture IS NULL AND attested IS NULL OR observed_at IS NULL THEN 'insufficient'
            WHEN COALESCE(posture, '') = '(sealed)' OR COALESCE(attested, '') = '(sealed)' THEN 'insufficient'
            ELSE 'pass' END AS outcome,
       CASE WHEN posture NOT IN ('compliant', '(sealed)') THEN 'Allowed although the state of the device was ' || posture || '.'
            WHEN attested NOT IN ('true', '(sealed)') THEN 'Allowed although the workload was not attested (' || attested || ').'
            WHEN event_at - observed_at > CAST($freshness_minutes AS BIGINT) * 60000000
            THEN 'Allowed on a state observed ' || CAST(CAST(((event_at - observed_at) - (event_at - observed_at) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes earlier; at most ' || CAST($freshness_minutes AS VARCHAR) || ' are allowed.'
            WHEN posture IS NULL AND attested IS NULL THEN 'The decision does not say that it looked at a device or workload.'
            WHEN observed_at IS NULL THEN 'The decision does not say when the state was observed.'
            WHEN COALESCE(posture, '') = '(sealed)' OR COALESCE(attested, '') = '(sealed)' THEN 'The state that was looked at is sealed.'
            WHEN observed_at > event_at THEN 'Allowed on a state that was observed at the same moment.'
            ELSE 'Allowed on a state observed ' || CAST(CAST(((event_at - observed_at) - (event_at - observed_at) % 60000000) / 60000000 AS BIGINT) AS VARCHAR) || ' minutes earlier.' END AS reason,
       entry AS entries,
       event_at AS at
FROM looked_at
ORDER BY entry
