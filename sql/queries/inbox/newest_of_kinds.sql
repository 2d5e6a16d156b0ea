-- Find events of some kinds, newest first; with $6, those with a job in one of these states, of handler $5 if that is given.
-- $1 since interval, $2 title text, $3 state text, $4 limit bigint, $5 handler text, $6 job_states text[], $7 source text, $8 account text, $9 type text, $10 from_at timestamptz, $11 from_key bigint, $12 before_at timestamptz, $13 before_key bigint
--
-- What came from $10 on and before $12 counts, and of what came at these moments the keys.
-- $9 is a type, or a family such as `transcription.*`; it is empty for what is in quarantine. Each kind is read from its
-- newest event back until it has enough. Rows are compared, not columns, so that the planner expects many events of the
-- kind: for few it would read and sort all of them. For the `case` and the rest see newest_events.sql.
select e.id, e.received_at as at, e.id as place
from receiver.kinds kind
cross join lateral (
    select e.id, e.received_at
    from receiver.events e
    where (coalesce(e.type, ''), e.source, e.account, e.received_at, e.id)
            < (kind.type, kind.source, kind.account, $12, $13)
        and (coalesce(e.type, ''), e.source, e.account, e.received_at, e.id)
            >= (kind.type, kind.source, kind.account, greatest(now() - $1::interval, $10), $11)
        and case
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
    order by coalesce(e.type, '') desc, e.source desc, e.account desc, e.received_at desc, e.id desc
    limit $4
) as e
where ($7::text is null or kind.source = $7) and ($8::text is null or kind.account = $8)
    and ($9::text is null or kind.type = $9 or (right($9, 2) = '.*' and starts_with(kind.type, left($9, -1))))
order by e.received_at desc, e.id desc
limit $4
