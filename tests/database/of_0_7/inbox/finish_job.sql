-- Write a job's outcome, unless another worker has claimed it since.
-- $1 job bigint, $2 attempt integer, $3 state receiver.job_state, $4 after interval, $5 error text, $6 uncounted integer
update receiver.jobs
set state = $3, due_at = now() + $4, error = $5, uncounted = uncounted + $6
where id = $1 and attempt = $2 and state = 'running'
returning id
