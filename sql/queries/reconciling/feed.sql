-- Return when an account's last webhook was delivered, by its secrets, and when the last end was that no webhook has announced.
-- $1 source text, $2 api_url text, $3 account text, $4 secret_fingerprints text[]
--
-- A webhook that was refused for its time has come too. Only one that was to be looked up counts: anybody can repeat one.
select
    greatest(
        (
            select max(newest.last_delivered_at)
            from unnest($4::text[]) as given (fingerprint)
            cross join lateral (
                select e.last_delivered_at
                from receiver.events e
                where e.secret_fingerprint = given.fingerprint
                order by e.last_delivered_at desc
                limit 1
            ) as newest
        ),
        (
            select d.asked_at
            from receiver.doubts d
            where (d.source, d.api_url, d.account) = ($1, $2, $3)
            order by d.asked_at desc
            limit 1
        )
    ) as heard_at,
    (
        select max(coalesce(missed.ended_at, missed.received_at))
        from (
            select e.ended_at, e.received_at
            from receiver.events e
            where (e.source, e.api_url, e.account) = ($1, $2, $3) and e.origin = 'reconciled'
            order by e.id desc
            limit 100
        ) as missed
    ) as missed_at
