-- The schema and its bookkeeping. Runs before every migration where that is not there, and is written to be repeatable.
-- `if not exists` asks for the right to create before it looks, which a role that was given the schema need not have.
do $$
begin
    if to_regnamespace('receiver') is null then
        create schema receiver;
    end if;
end
$$;

create table if not exists receiver.migrations (
    version integer primary key,
    name text not null,
    applied_at timestamptz not null default now()
);

alter table receiver.migrations add column if not exists checksum text;
