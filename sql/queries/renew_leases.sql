-- Lengthen leases from now; answers the jobs that are still ours.
-- $1 jobs bigint[], $2 attempts integer[], $3 lease interval
update receiver.jobs j
set due_at = now() + $3::interval
from unnest($1::bigint[], $2::integer[]) as held (job, attempt)
where j.id = held.job and j.attempt = held.attempt and j.state = 'running'
returning j.id
