-- Return the next submissions that have files: their files, and whether these are over since before a time and no job needs them.
-- $1 after text, $2 horizon timestamptz, $3 limit bigint
select
    s.id, s.source, files.names, files.places, files.bytes,
    s.state in ('done', 'failed') and coalesce(s.ended_at, s.created_at) < $2 and (
        select true
        from (
            select s.event as id
            union all
            select e.id
            from receiver.events e
            where (e.source, e.api_url, e.account, e.event_id) = (s.source, s.api_url, s.account, s.id)
            union all
            select e.id
            from receiver.events e
            where e.transcription_id in (s.id, s.remote_id)
                and (e.source, e.api_url, e.account) = (s.source, s.api_url, s.account)
        ) as about
        join receiver.jobs j on j.event = about.id
        where j.state::text in ('pending', 'running', 'dead')
        limit 1
    ) is null as are_old
from (
    select submission, array_agg(name) as names, array_agg(place) as places, sum(bytes)::bigint as bytes
    from receiver.artifacts
    where submission > $1
    group by submission
    order by submission
    limit $3
) as files
cross join lateral (select * from receiver.submissions s where s.id = files.submission limit 1) as s
order by s.id
