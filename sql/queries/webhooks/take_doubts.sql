-- Take doubts of some accounts that wait for a look-up, the oldest first. After $4 they can be taken again.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 lease interval, $5 limit bigint
update receiver.doubts d
set taken_until = now() + $4::interval
where d.id = any (array(
    select waiting.id
    from unnest($1::text[], $2::text[], $3::text[]) as given (source, api_url, account)
    cross join lateral (
        select w.id, w.asked_at
        from receiver.doubts w
        where (w.source, w.api_url, w.account) = (given.source, given.api_url, given.account)
            and (w.looked_up_at is null or w.looked_up_at < w.asked_at)
            and (w.taken_until is null or w.taken_until <= now())
        order by w.asked_at
        limit $5
        for update skip locked
    ) waiting
    order by waiting.asked_at
    limit $5
))
returning d.id, d.source, d.api_url, d.account, d.transcription_id, d.type, d.event_id
