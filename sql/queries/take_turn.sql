-- Take a turn of a key's budget, or a place in the line where the wait is beyond the patience; answers the wait.
-- $1 api_url text, $2 key_fingerprint text, $3 step interval, $4 burst interval, $5 patience interval, $6 longest interval
insert into receiver.budgets as b (api_url, key_fingerprint, full_at, line_at, wait)
values ($1, $2, now() + $3::interval, now(), interval '0')
on conflict (api_url, key_fingerprint) do update set (full_at, line_at, wait) = (
    select
        case when asked.wait <= interval '0' then greatest(b.full_at, now()) + $3 else b.full_at end,
        case when asked.wait > $5 then asked.place else b.line_at end,
        case when asked.wait > $5 then asked.place - now() else greatest(asked.wait, interval '0') end
    from (
        select
            b.full_at - $4::interval - now() as wait,
            least(greatest(b.line_at, b.full_at) + $3, greatest(now() + $6::interval, b.full_at - $4)) as place
    ) asked
)
returning wait
