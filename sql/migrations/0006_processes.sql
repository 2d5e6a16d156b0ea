-- Who runs: a row for each web process and each worker, renewed every few seconds, so that one that is gone is missed.

create table receiver.processes (
    id uuid primary key,
    kind text not null check (kind in ('web', 'worker')),
    api_url text not null,
    host text not null,
    pid integer not null,
    version text not null,
    started_at timestamptz not null default now(),
    -- In no index, and with room in its page, so that a renewal writes to that page alone.
    seen_at timestamptz not null default now()
) with (fillfactor = 50);
