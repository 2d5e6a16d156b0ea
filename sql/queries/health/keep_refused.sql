-- Write down a delivery that was refused, in the place of the oldest one of its kind; but at most one a second of each.
-- $1 ago interval, $2 source text, $3 api_url text, $4 account text, $5 token text, $6 reason text, $7 client text, $8 head bytea, $9 body bytea, $10 first integer, $11 last integer
insert into receiver.refused (place, at, source, api_url, account, token, reason, client, head, body)
select (
    select place.place
    from generate_series($10::integer, $11::integer) as place (place)
    left join receiver.refused r on r.place = place.place
    order by r.at nulls first, place.place
    limit 1
), now() - $1::interval, $2, $3, $4, $5, $6, $7, $8, $9
where not exists (
    select from receiver.refused r
    where r.place between $10 and $11 and r.at > now() - $1::interval - interval '0.9 seconds'
)
on conflict (place) do update
set at = excluded.at, source = excluded.source, api_url = excluded.api_url, account = excluded.account,
    token = excluded.token, reason = excluded.reason, client = excluded.client, head = excluded.head, body = excluded.body
