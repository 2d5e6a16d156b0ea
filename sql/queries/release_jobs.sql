-- Give claims back unused: due at once, and the attempt does not count as a try.
-- $1 jobs bigint[], $2 attempts integer[]
update receiver.jobs j
set state = 'pending', due_at = now(), uncounted = j.uncounted + 1
from unnest($1::bigint[], $2::integer[]) as held (job, attempt)
where j.id = held.job and j.attempt = held.attempt and j.state = 'running'
