-- Find the events of jobs in some states, newest first, an event once for each such job.
-- $1 first bigint, $2 state text, $3 limit bigint, $4 handler text, $5 job_states text[]
--
-- It reads jobs from those of the newest event back until it has found enough, or to those of the event $1. What is
-- asked about all jobs of an event is asked for each event alone: a plan for many would read all jobs.
select j.event as id
from receiver.jobs j
where j.event >= $1 and ($4::text is null or j.handler = $4) and j.state::text = any ($5)
    and ($2::text is null or $2 = (
        select case
            when bool_or(other.state in ('pending', 'running')) then 'pending'
            when bool_or(other.state = 'dead') then 'dead'
            else 'done'
        end
        from receiver.jobs other
        where other.event = j.event
    ))
order by j.event desc, j.handler
limit $3
