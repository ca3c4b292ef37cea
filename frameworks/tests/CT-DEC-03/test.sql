-- The record of the re-performance repeats request and policy digest and carries the new answer as its outcome.
WITH again AS (
  SELECT entry, event_at, correlation_request AS request, policy_digest, outcome
  FROM entries
  WHERE kind = 'review' AND action = 'decision.reperform' AND event_at >= $from AND event_at < $to
),
first_made AS (
  SELECT correlation_request AS request, MIN(entry) AS entry, COUNT(*) AS made
  FROM entries
  WHERE kind = 'decision' AND correlation_request IS NOT NULL AND (policy_decision_point IS NOT NULL OR policy_enforcement_point IS NULL)
  GROUP BY correlation_request
),
joined AS (
  SELECT a.entry, a.event_at, a.request, a.outcome AS new_answer, a.policy_digest AS new_digest,
         d.entry AS decision_entry, d.outcome AS old_answer, d.policy_digest AS old_digest, d.subject_id
  FROM again a
  LEFT JOIN first_made f ON f.request = a.request
  LEFT JOIN entries d ON d.entry = f.entry
)
SELECT COALESCE(request, 'entry ' || CAST(entry AS VARCHAR)) AS subject,
       CASE WHEN decision_entry IS NULL OR new_answer NOT IN ('allow', 'deny') OR old_answer NOT IN ('allow', 'deny') THEN 'insufficient'
            WHEN new_answer <> old_answer OR new_digest <> old_digest THEN 'fail'
            WHEN new_digest IS NULL OR old_digest IS NULL THEN 'insufficient'
            ELSE 'pass' END AS outcome,
       CASE WHEN decision_entry IS NULL THEN 'The decision that was made again is not in the ledger.'
            WHEN new_answer NOT IN ('allow', 'deny') OR old_answer NOT IN ('allow', 'deny')
            THEN 'Answered ' || old_answer || ' then and ' || new_answer || ' now: not both an answer of a policy.'
            WHEN new_answer <> old_answer THEN 'Answered ' || old_answer || ' then, ' || new_answer || ' when made again.'
            WHEN new_digest <> old_digest THEN 'Made again with another policy text than the decision names.'
            WHEN new_digest IS NULL OR old_digest IS NULL THEN 'Which policy text was used then or now is not recorded.'
            ELSE 'Made again with the same policy text: ' || old_answer || ' both times.' END AS reason,
       CAST(entry AS VARCHAR) || COALESCE(',' || CAST(decision_entry AS VARCHAR), '') AS entries,
       event_at AS at
FROM joined
ORDER BY entry
