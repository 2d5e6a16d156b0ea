-- Mark a due job dead because it cannot be claimed, unless another worker has claimed it.
-- $1 job bigint, $2 error text
update receiver.jobs
set state = 'dead', error = $2
where id = $1 and state in ('pending', 'running') and due_at <= now()
