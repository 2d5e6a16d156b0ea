-- Find the events of jobs in some states, newest first, an event once for each such job.
-- $1 first bigint, $2 state text, $3 limit bigint, $4 handler text, $5 job_states text[], $6 before bigint
--
-- It reads jobs from those of the newest event back until it has found enough, or to those of the event $1. For the
-- `case` and what is asked about all jobs of an event see newest_events.sql.
select j.event as id, null::timestamptz as at, j.event as place
from receiver.jobs j
where j.event >= $1 and j.event < $6 and case
    when $4::text is not null and j.handler <> $4 then false
    when j.state::text <> all ($5) then false
    when $2::text is null then true
    else $2 = (
        select case
            when bool_or(other.state in ('pending', 'running')) then 'pending'
            when bool_or(other.state = 'dead') then 'dead'
            else 'done'
        end
        from receiver.jobs other
        where other.event = j.event
    )
end
order by j.event desc, j.handler desc
limit $3
