-- Note what the provider says of an account's transcriptions; return since when each is as it is, and when it was started again.
-- $1 source text, $2 api_url text, $3 account text, $4 ids text[], $5 statuses text[], $6 titles text[], $7 pipeline_codes text[], $8 durations double precision[], $9 created_ats timestamptz[], $10 ended_ats timestamptz[], $11 asked_ats timestamptz[]
--
-- What was asked for before a row became as it is tells nothing new: an answer can be overtaken.
with given as (
    select *
    from unnest(
        $4::text[], $5::text[], $6::text[], $7::text[], $8::double precision[], $9::timestamptz[], $10::timestamptz[],
        $11::timestamptz[]
    ) as given (transcription_id, status, title, pipeline_code, duration_seconds, created_at, ended_at, asked_at)
    order by transcription_id
), before as materialized (
    select t.transcription_id, t.since, t.restarted_at
    from given
    join receiver.transcriptions t
        on (t.source, t.api_url, t.account, t.transcription_id) = ($1, $2, $3, given.transcription_id)
), noted as (
    insert into receiver.transcriptions as t (
        source, api_url, account, transcription_id, status, title, pipeline_code, duration_seconds, created_at,
        ended_at, ask_at, since, restarted_at
    )
    select
        $1, $2, $3, given.transcription_id, given.status, given.title, given.pipeline_code, given.duration_seconds,
        given.created_at, given.ended_at, now() + interval '10 minutes', given.asked_at,
        -- It is under way although it has ended before.
        case when given.status not in ('completed', 'failed', 'cancelled') and exists (
            select from receiver.events e
            where e.transcription_id = given.transcription_id and (e.source, e.api_url, e.account) = ($1, $2, $3)
                and e.type in ('transcription.completed', 'transcription.failed') and e.received_at < given.asked_at
        ) then given.asked_at end
    from given
    on conflict (source, api_url, account, transcription_id) do update
    set status = excluded.status,
        title = excluded.title,
        pipeline_code = excluded.pipeline_code,
        duration_seconds = excluded.duration_seconds,
        created_at = excluded.created_at,
        ended_at = excluded.ended_at,
        since = case
            when t.status <> excluded.status or t.ended_at <> excluded.ended_at then excluded.since else t.since
        end,
        restarted_at = case
            when t.status in ('completed', 'failed', 'cancelled')
                and excluded.status not in ('completed', 'failed', 'cancelled') then excluded.since
            else t.restarted_at
        end,
        overdue_at = case when t.status = excluded.status then t.overdue_at end
    where t.since <= excluded.since and (
        t.status, t.title, t.pipeline_code, t.duration_seconds, t.created_at, t.ended_at
    ) is distinct from (
        excluded.status, excluded.title, excluded.pipeline_code, excluded.duration_seconds, excluded.created_at,
        excluded.ended_at
    )
    returning t.transcription_id, t.since, t.restarted_at
)
select
    given.transcription_id,
    coalesce(noted.since, before.since) as since,
    case when noted.transcription_id is null then before.restarted_at else noted.restarted_at end as restarted_at,
    now() as noted_at
from given
left join before on before.transcription_id = given.transcription_id
left join noted on noted.transcription_id = given.transcription_id
