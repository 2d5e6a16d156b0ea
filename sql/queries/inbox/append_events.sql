-- Store events, each with one job for every interested handler, or count repeats; return what became of each.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 event_ids text[], $5 transcription_ids text[], $6 types text[], $7 unreadables text[], $8 raws bytea[], $9 secret_fingerprints text[], $10 callbacks_for text[], $11 copies integer[], $12 titles text[], $13 job_items bigint[], $14 job_handlers text[], $15 origins text[], $16 seconds_off double precision[], $17 spooled_at timestamptz[], $18 copy_items bigint[], $19 copy_places integer[], $20 copy_secret_fingerprints text[], $21 copy_seconds_off double precision[], $22 copy_spooled_at timestamptz[], $23 ended_ats timestamptz[], $24 traceparents text[]
with passing as (
    -- Whoever stores what was never announced waits for this statement, or this one waits and then sees that.
    insert into receiver.gate select where false
), given as (
    -- No two of these have the same identity, because a statement can change a row only once. They are sorted, so that
    -- two statements at the same time lock their rows in the same order.
    select
        given.*,
        -- A webhook that comes late: its end has an event already, and that event has the jobs.
        case when given.origin in ('webhook', 'callback') then (
            select e.id
            from receiver.events e
            where (e.source, e.api_url, e.transcription_id) = (given.source, given.api_url, given.transcription_id)
                and e.origin in ('reconciled', 'submission') and e.transcription_id is not null
                and e.type = given.type
                and receiver.is_same_user(given.source, given.api_url, given.account, e.account)
                and receiver.is_same_end(
                    e.source, e.api_url, e.account, e.transcription_id, e.ended_at, e.received_at, given.ended_at,
                    coalesce(given.spooled_at, now())
                )
            limit 1
        ) end as same_as
    from unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::text[],
        $10::text[], $11::integer[], $12::text[], $15::text[], $16::double precision[], $17::timestamptz[],
        $23::timestamptz[]
    ) with ordinality as given (
        source, api_url, account, event_id, transcription_id, type, unreadable, raw, secret_fingerprint, callback_for,
        copies, title, origin, seconds_off, spooled_at, ended_at, item
    )
    order by source, api_url, account, event_id, transcription_id
), event as (
    insert into receiver.events as e (
        source, api_url, account, event_id, transcription_id, type, unreadable, raw, secret_fingerprint, callback_for,
        deliveries, title, origin, seconds_off, ended_at, same_as
    )
    select
        source, api_url, account, event_id, transcription_id, type, unreadable, raw, secret_fingerprint, callback_for,
        copies, title, origin, seconds_off, ended_at, same_as
    from given
    on conflict (source, api_url, account, event_id, (coalesce(transcription_id, '')), (type is null)) do update
        set deliveries = e.deliveries + excluded.deliveries, last_delivered_at = now()
        where e.raw = excluded.raw or (e.pruned_at is not null and e.raw = sha256(excluded.raw))
    returning e.id, e.source, e.api_url, e.account, e.event_id, e.transcription_id, e.type, e.deliveries
), answered as (
    select given.*, event.id, event.deliveries
    from given
    left join event on (event.source, event.api_url, event.account, event.event_id)
        = (given.source, given.api_url, given.account, given.event_id)
        and event.transcription_id is not distinct from given.transcription_id
        and (event.type is null) = (given.type is null)
), job as (
    insert into receiver.jobs (event, handler, source, api_url, account, traceparent)
    select
        answered.id, wanted.handler, answered.source, answered.api_url, answered.account,
        ($24::text[])[answered.item]  -- no column of `given`: untraced deliveries pay nothing for it
    from answered
    join unnest($13::bigint[], $14::text[]) as wanted (item, handler) on wanted.item = answered.item
    where answered.deliveries = answered.copies and answered.same_as is null
), variant as (
    -- A stored event has the same identity and other bytes: both are kept.
    insert into receiver.events as e (
        source, api_url, account, event_id, unreadable, raw, secret_fingerprint, callback_for, deliveries, claimed_id,
        origin, seconds_off
    )
    select
        source, api_url, account, encode(sha256(raw), 'hex'), 'another body came before under its id, ' || event_id,
        raw, secret_fingerprint, callback_for, copies, event_id, origin, seconds_off
    from answered
    where id is null
    order by source, api_url, account, raw
    on conflict (source, api_url, account, event_id, (coalesce(transcription_id, '')), (type is null)) do update
        set deliveries = e.deliveries + excluded.deliveries, last_delivered_at = now()
    returning e.id, e.source, e.api_url, e.account, e.event_id, e.deliveries
), kept as (
    select
        answered.item, answered.copies, coalesce(answered.id, variant.id) as event,
        coalesce(answered.deliveries, variant.deliveries) as deliveries,
        answered.id is null or answered.type is null as is_quarantined
    from answered
    left join variant on answered.id is null
        and (variant.source, variant.api_url, variant.account, variant.event_id)
        = (answered.source, answered.api_url, answered.account, encode(sha256(answered.raw), 'hex'))
), came as (
    select item, 1 as place, secret_fingerprint, seconds_off, spooled_at from given
    union all
    select *
    from unnest($18::bigint[], $19::integer[], $20::text[], $21::double precision[], $22::timestamptz[])
), delivery as (
    -- The event's own row is the first delivery, unless that one was spooled.
    insert into receiver.deliveries (event, number, at, secret_fingerprint, seconds_off, how)
    select
        kept.event, kept.deliveries - kept.copies + came.place, coalesce(came.spooled_at, now()),
        came.secret_fingerprint, came.seconds_off, case when came.spooled_at is null then 'repeat' else 'spooled' end
    from came
    join kept on kept.item = came.item
    where (came.spooled_at is not null or kept.deliveries - kept.copies + came.place > 1)
        and kept.deliveries - kept.copies + came.place <= 20
)
select
    item,
    case when deliveries > copies then 'duplicate' when is_quarantined then 'quarantined' else 'stored' end as status
from kept
order by item
