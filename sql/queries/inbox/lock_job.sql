-- Lock a job until the transaction ends, if it is still ours.
-- $1 job bigint, $2 attempt integer
--
-- The state is compared as text: see settle_jobs.sql.
select id from receiver.jobs where id = $1 and attempt = $2 and state::text = 'running' for update
