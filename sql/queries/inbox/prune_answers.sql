-- Delete the next answers that were fetched before a time and that no job needs; return the last one's key, and how many.
-- $1 source text, $2 api_url text, $3 transcription_id text, $4 completed_at text, $5 kind text, $6 horizon timestamptz, $7 limit bigint
--
-- A job that is not done may need the answers about its event's transcription, and so may a submission that is not over.
with next as materialized (
    select source, api_url, transcription_id, completed_at, kind, fetched_at < $6 as is_old
    from receiver.archive
    where (source, api_url, transcription_id, completed_at, kind) > ($1, $2, $3, $4, $5)
    order by source, api_url, transcription_id, completed_at, kind
    limit $7
), gone as (
    delete from receiver.archive a
    using next
    where next.is_old
        and (a.source, a.api_url, a.transcription_id, a.completed_at, a.kind)
        = (next.source, next.api_url, next.transcription_id, next.completed_at, next.kind)
        and (
            select true
            from receiver.events e
            join receiver.jobs j on j.event = e.id
            where e.source = next.source and e.api_url = next.api_url and e.transcription_id = next.transcription_id
                and j.state::text in ('pending', 'running', 'dead')
            limit 1
        ) is null
        and (
            select true
            from receiver.submissions s
            where s.id = next.transcription_id and s.state not in ('done', 'failed')
            limit 1
        ) is null
    returning 1
)
select next.*, (select count(*) from gone) as gone
from next
order by source desc, api_url desc, transcription_id desc, completed_at desc, kind desc
limit 1
