-- Find the events that an id means: their own, or that of a transcription or a submission; newest first, with filters.
-- $1 since interval, $2 title text, $3 state text, $4 limit bigint, $5 handler text, $6 job_states text[], $7 source text, $8 account text, $9 type text, $10 about text, $11 before bigint
with about as (
    select e.id from receiver.events e where e.transcription_id = $10
    union
    -- An event's own id can be written with its source. A submission's own work has the submission's id.
    select e.id
    from receiver.senders s
    cross join lateral (
        select e.id
        from receiver.events e
        where (e.source, e.api_url, e.account) = (s.source, s.api_url, s.account)
            and e.event_id
                in ($10, case when starts_with($10, s.source || '/') then substr($10, length(s.source) + 2) end)
    ) as e
    union
    select e.id from receiver.events e where e.id = (substring($10 from '^@([0-9]{1,18})$'))::bigint
    union
    -- Its end can be announced under the provider's id.
    select s.event from receiver.submissions s where s.id = $10
    union
    select e.id
    from receiver.submissions s
    join receiver.events e
        on e.transcription_id = s.remote_id and e.source = s.source and e.api_url = s.api_url
        and e.account = s.account
    where s.id = $10
)
select e.id, null::timestamptz as at, e.id as place
from about
join receiver.events e on e.id = about.id
where e.id < $11 and e.received_at > coalesce(now() - $1::interval, '-infinity')
    and ($2::text is null or e.title ~ $2)
    and ($3::text is null or $3 = case when e.type is null then 'quarantined' else (
        select case
            when bool_or(j.state in ('pending', 'running')) then 'pending'
            when bool_or(j.state = 'dead') then 'dead'
            else 'done'
        end
        from receiver.jobs j
        where j.event = e.id
    ) end)
    and ($6::text[] is null or (
        select coalesce(bool_or(($5::text is null or j.handler = $5) and j.state::text = any ($6)), false)
        from receiver.jobs j
        where j.event = e.id
    ))
    and ($7::text is null or e.source = $7) and ($8::text is null or e.account = $8)
    and ($9::text is null or e.type = $9 or (right($9, 2) = '.*' and starts_with(e.type, left($9, -1))))
order by e.id desc
limit $4
