-- Note that a process runs; insert its row if the row is missing.
-- $1 id uuid, $2 kind text, $3 api_url text, $4 host text, $5 pid integer, $6 version text, $7 age interval, $8 trouble text
insert into receiver.processes (id, kind, api_url, host, pid, version, started_at, trouble)
values ($1, $2, $3, $4, $5, $6, now() - $7::interval, $8)
on conflict (id) do update set seen_at = now(), trouble = $8
