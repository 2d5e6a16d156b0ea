-- The console: the key with which its links and cookies are signed, and where it runs.

-- Who can read the key can sign in.
create table receiver.console (
    only_one boolean primary key default true check (only_one),
    key bytea not null
);

-- The address of the last console that has started on each machine.
create table receiver.consoles (
    host text primary key,
    address text not null,
    started_at timestamptz not null default now()
);
