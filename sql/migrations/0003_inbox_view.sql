-- Events with their jobs and the state that follows from them, as people and commands look at them.
create view receiver.inbox as
select
    e.id, e.source, e.event_id, e.api_url, e.type, e.unreadable, e.transcription_id, e.received_at, e.deliveries,
    work.jobs,
    case
        when e.type is null then 'quarantined'
        when work.unfinished then 'pending'
        when work.dead then 'dead'
        else 'done'
    end as state
from receiver.events e
cross join lateral (
    select
        coalesce(jsonb_agg(jsonb_build_object(
            'id', j.id, 'handler', j.handler, 'state', j.state, 'attempt', j.attempt,
            'error', j.error, 'waits_seconds', extract(epoch from j.due_at - now())
        ) order by j.handler), '[]') as jobs,
        bool_or(j.state in ('pending', 'running')) as unfinished,
        bool_or(j.state = 'dead') as dead
    from receiver.jobs j
    where j.event = e.id
) as work;
