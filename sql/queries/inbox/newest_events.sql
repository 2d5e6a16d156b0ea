-- Find events, newest first; with $6, those with a job in one of these states, of handler $5 if that is given.
-- $1 first bigint, $2 title text, $3 state text, $4 limit bigint, $5 handler text, $6 job_states text[], $7 before bigint
--
-- $2 is a regular expression. The statement reads from the newest event back until it has found enough, or to the event
-- $1, if that is before $7. What is asked about an event's jobs is asked for each event alone: a plan for many would read all jobs. Of a `case`
-- the planner expects that every other row fulfils it: if it expected few, it would read and sort all events.
select e.id, null::timestamptz as at, e.id as place
from receiver.events e
where e.id >= $1 and e.id < $7 and case
    when $2::text is not null and (e.title ~ $2) is not true then false
    when $3::text is not null and $3 <> case when e.type is null then 'quarantined' else (
        select case
            when bool_or(j.state in ('pending', 'running')) then 'pending'
            when bool_or(j.state = 'dead') then 'dead'
            else 'done'
        end
        from receiver.jobs j
        where j.event = e.id
    ) end then false
    when $6::text[] is null then true
    else (
        select coalesce(bool_or(($5::text is null or j.handler = $5) and j.state::text = any ($6)), false)
        from receiver.jobs j
        where j.event = e.id
    )
end
order by e.id desc
limit $4
