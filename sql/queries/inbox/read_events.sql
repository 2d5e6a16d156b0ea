-- Return events, in the order of their keys in $1, with their jobs and the state that follows from these.
-- $1 events bigint[]
select
    e.id, e.source, e.api_url, e.account, e.event_id, e.type, e.unreadable, e.transcription_id, e.title, e.origin,
    e.same_as, e.pruned_at, e.callback_for, e.received_at, e.deliveries, work.jobs,
    case
        when e.type is null then 'quarantined'
        when work.unfinished then 'pending'
        when work.dead then 'dead'
        else 'done'
    end as state
from unnest($1::bigint[]) with ordinality as wanted (id, place)
join receiver.events e on e.id = wanted.id
cross join lateral (
    select
        coalesce(jsonb_agg(jsonb_build_object(
            'id', j.id, 'handler', j.handler, 'state', j.state, 'attempt', j.attempt, 'error', j.error,
            'waits_seconds', extract(epoch from j.due_at - now()),
            'due_at', case when j.state = 'pending' then j.due_at end,
            'waiting_since', case when j.state = 'pending' then j.waiting_since end,
            'kept_key', j.idempotency_key
        ) order by j.handler), '[]') as jobs,
        bool_or(j.state in ('pending', 'running')) as unfinished,
        bool_or(j.state = 'dead') as dead
    from receiver.jobs j
    where j.event = e.id
) as work
order by wanted.place
