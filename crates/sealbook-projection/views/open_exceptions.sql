-- Exceptions whose newest term nobody has closed. They may have expired.
SELECT *
FROM exception_intervals
WHERE last_term = 1 AND closed_at IS NULL
