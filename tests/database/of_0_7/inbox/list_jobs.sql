-- List jobs, newest first, each with the name of its event.
-- $1 state receiver.job_state, $2 limit bigint
select
    j.id, j.handler, j.state, j.attempt, j.error,
    extract(epoch from j.due_at - now())::double precision as waits_seconds,
    e.source || '/' || e.event_id as event
from receiver.jobs j
join receiver.events e on e.id = j.event
where $1::receiver.job_state is null or j.state = $1
order by j.id desc
limit $2
