-- Find the events about a transcription or a submission, newest first, as newest_of_kinds.sql does.
-- $1 since interval, $2 title text, $3 state text, $4 limit bigint, $5 handler text, $6 job_states text[], $7 source text, $8 account text, $9 type text, $10 about text
with about as (
    select e.id from receiver.events e where e.transcription_id = $10
    union
    -- A submission's own work has its id, and its end can be announced under the provider's id.
    select e.id
    from receiver.senders s
    cross join lateral (
        select e.id
        from receiver.events e
        where (e.source, e.api_url, e.account, e.event_id) = (s.source, s.api_url, s.account, $10)
            and e.type = 'submission'
    ) as e
    union
    select s.event from receiver.submissions s where s.id = $10
    union
    select e.id
    from receiver.submissions s
    join receiver.events e
        on e.transcription_id = s.remote_id and e.source = s.source and e.api_url = s.api_url
        and e.account = s.account
    where s.id = $10
)
select e.id
from about
join receiver.events e on e.id = about.id
where e.received_at > coalesce(now() - $1::interval, '-infinity')
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
