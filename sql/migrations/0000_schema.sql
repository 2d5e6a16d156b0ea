-- The schema and its bookkeeping. Runs before every migration and is written to be repeatable.
create schema if not exists receiver;

create table if not exists receiver.migrations (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
);
