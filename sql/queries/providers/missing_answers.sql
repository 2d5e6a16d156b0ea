-- Count for each account which answers about the transcriptions of some events are not kept; kinds are patterns.
-- $1 events bigint[], $2 source text, $3 kinds text[]
--
-- Each event and each answer is looked up by its key: a join may be planned to read whole tables.
select about.source, about.api_url, about.account, count(*) as missing
from (
    select distinct e.source, e.api_url, e.account, e.transcription_id
    from unnest($1::bigint[]) as given (id)
    cross join lateral (
        select e.source, e.api_url, e.account, e.transcription_id, e.type
        from receiver.events e
        where e.id = given.id
        limit 1
    ) as e
    where e.source = $2 and e.type = 'transcription.completed' and e.transcription_id is not null
) as about
cross join unnest($3::text[]) as wanted (kind)
where (
    select count(*)
    from (
        select
        from receiver.archive a
        where (a.source, a.api_url, a.transcription_id) = (about.source, about.api_url, about.transcription_id)
            and a.kind like wanted.kind
        limit 1
    ) as kept
) = 0
group by about.source, about.api_url, about.account
