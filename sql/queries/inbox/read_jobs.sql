-- Return jobs of some events that are in some states, or of one handler, newest first, each with what its event is about.
-- $1 events bigint[], $2 handler text, $3 states text[], $4 only_waiting boolean, $5 limit bigint
select
    j.id, j.handler, j.state::text, j.attempt, j.error,
    extract(epoch from j.due_at - now())::double precision as waits_seconds,
    case when j.state = 'pending' then j.due_at end as due_at,
    case when j.state = 'pending' then j.waiting_since end as waiting_since,
    e.id as key, e.source, e.api_url, e.account, e.event_id, e.type, e.transcription_id, e.title, e.origin, e.received_at
from unnest($1::bigint[]) as wanted (id)
join receiver.events e on e.id = wanted.id
join receiver.jobs j on j.event = e.id
where ($2::text is null or j.handler = $2) and j.state::text = any ($3)
    and (not $4 or (j.state = 'pending' and j.waiting_since is not null))
order by j.event desc, j.id desc
limit $5
