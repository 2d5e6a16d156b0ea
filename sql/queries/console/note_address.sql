-- Note where the console of a machine listens, and forget those of a month ago.
-- $1 host text, $2 address text
with forgotten as (
    delete from receiver.consoles where started_at < now() - interval '30 days' and host <> $1
)
insert into receiver.consoles (host, address) values ($1, $2)
on conflict (host) do update set address = excluded.address, started_at = now()
