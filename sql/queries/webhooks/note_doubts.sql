-- Count stale deliveries whose event is not stored, and order a look-up for each new one; return how many were too many.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 transcription_ids text[], $5 types text[], $6 event_ids text[], $7 seconds_off double precision[], $8 times bigint[], $9 most bigint
--
-- At most $9 look-ups are ordered in an hour for each account. A doubt that was looked up is looked up again if its
-- transcription had not ended then, or if another event announces it now; an hour later at the earliest.
with given as (
    select *
    from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::double precision[], $8::bigint[]
    ) as given (source, api_url, account, transcription_id, type, event_id, seconds_off, times)
), unknown as (
    -- A statement can change a row only once.
    select distinct on (source, api_url, account, transcription_id, type)
        source, api_url, account, transcription_id, type, event_id, seconds_off,
        sum(times) over (partition by source, api_url, account, transcription_id, type)::bigint as times
    from given
    where not exists (
        select
        from receiver.events e
        where (e.source, e.api_url, e.account, e.event_id) = (given.source, given.api_url, given.account, given.event_id)
            and coalesce(e.transcription_id, '') = given.transcription_id and (e.type is null) = false
    )
    order by source, api_url, account, transcription_id, type, event_id desc
), met as (
    select
        unknown.*, d.asked_at, d.event_id as asked_event_id,
        d.id is null or (
            d.looked_up_at >= d.asked_at and d.looked_up_at < now() - interval '1 hour'
            and (d.outcome = 'running' or d.event_id <> unknown.event_id)
        ) as asks
    from unknown
    left join receiver.doubts d using (source, api_url, account, transcription_id, type)
), counted as (
    select
        met.*,
        asks and asked.number + count(*) filter (where asks) over (
            partition by source, api_url, account order by transcription_id, type
        ) <= $9 as is_ordered
    from met
    cross join lateral (
        select count(*) as number
        from (
            select
            from receiver.doubts d
            where (d.source, d.api_url, d.account) = (met.source, met.api_url, met.account)
                and d.asked_at > now() - interval '1 hour'
            limit $9
        ) lately
    ) asked
), noted as (
    insert into receiver.doubts as d (
        source, api_url, account, transcription_id, type, event_id, seconds_off, times, asked_at
    )
    select
        source, api_url, account, transcription_id, type,
        case when is_ordered then event_id else asked_event_id end, seconds_off, times,
        case when is_ordered then now() else asked_at end
    from counted
    where is_ordered or asked_at is not null
    on conflict (source, api_url, account, transcription_id, type) do update
        set times = d.times + excluded.times, last_seen_at = now(), seconds_off = excluded.seconds_off,
            event_id = excluded.event_id, asked_at = excluded.asked_at
)
select count(*) from counted where asks and not is_ordered
