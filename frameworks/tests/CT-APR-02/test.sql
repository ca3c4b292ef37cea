-- Compared by identity; a sealed or missing name leaves the question open.
WITH given AS (
  SELECT entry, event_at, subject_id, approval_id, NULLIF(COALESCE(approval_approver, actor_id), '(sealed)') AS approver,
         NULLIF(actor_id, '(sealed)') AS actor_id, NULLIF(approval_requester, '(sealed)') AS requester
  FROM entries
  WHERE kind = 'approval' AND approval_decision = 'granted' AND outcome NOT IN ('deny', 'failure', 'error')
    AND event_at >= $from AND event_at < $to
)
SELECT COALESCE(approval_id, 'entry ' || CAST(entry AS VARCHAR)) AS subject,
       CASE WHEN approver IN (requester, subject_id) OR actor_id IN (requester, subject_id) THEN 'fail'
            WHEN approver IS NULL OR requester IS NULL THEN 'insufficient' ELSE 'pass' END AS outcome,
       CASE WHEN approver = requester OR actor_id = requester THEN requester || ' approved what they had asked for themselves.'
            WHEN approver = subject_id OR actor_id = subject_id THEN subject_id || ' approved access for themselves.'
            WHEN approver IS NULL OR requester IS NULL THEN 'Who asked or who approved is not recorded.'
            ELSE 'Asked for by ' || requester || ', approved by ' || approver || '.' END AS reason,
       entry AS entries,
       event_at AS at
FROM given
ORDER BY subject, entry
