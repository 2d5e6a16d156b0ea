-- Pause a key's budget: move `full_at` at least `until_full` into the future.
-- $1 api_url text, $2 key_fingerprint text, $3 until_full interval
insert into receiver.budgets as b (api_url, key_fingerprint, full_at, line_at, line_behind_at, wait)
values ($1, $2, now() + $3::interval, now(), now(), interval '0')
on conflict (api_url, key_fingerprint) do update set full_at = greatest(b.full_at, now() + $3)
