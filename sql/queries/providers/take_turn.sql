-- Take a turn of a key's budget, or a place in the line if the wait is longer than the patience; return the wait.
-- $1 api_url text, $2 key_fingerprint text, $3 step interval, $4 burst interval, $5 patience interval, $6 longest interval, $7 live boolean
insert into receiver.budgets as b (api_url, key_fingerprint, full_at, line_at, line_behind_at, wait)
values ($1, $2, now() + $3::interval, now(), now(), interval '0')
on conflict (api_url, key_fingerprint) do update set (full_at, line_at, line_behind_at, wait) = (
    select
        case when asked.wait <= interval '0' then greatest(asked.full_at, now()) + $3 else asked.full_at end,
        case when asked.wait > $5 and $7 then asked.place else b.line_at end,
        case when asked.wait > $5 and not $7 then asked.place else b.line_behind_at end,
        case when asked.wait > $5 then asked.place - now() else greatest(asked.wait, interval '0') end
    from (
        select
            bounded.full_at,
            bounded.full_at - $4::interval - now() as wait,
            -- Live work does not queue behind work that can wait.
            least(
                greatest(b.line_at, bounded.full_at, case when not $7 then b.line_behind_at end) + $3,
                now() + $6
            ) as place
        -- A clock that was ahead for a moment must not block the key for longer than this.
        from (select least(b.full_at, now() + $6::interval + $4::interval) as full_at) bounded
    ) asked
)
returning wait
