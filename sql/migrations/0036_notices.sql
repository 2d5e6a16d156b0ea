-- no transaction
-- Notices: events about the service itself, which handlers can want: dead jobs, and costs that pass an amount.
--
-- Each statement commits by itself, and can be repeated. Processes of version 0.11 write none.
alter table receiver.events
    drop constraint if exists events_origin_check,
    add constraint events_origin_check
        check (origin in ('webhook', 'callback', 'submission', 'reconciled', 'notice')) not valid;

alter table receiver.events validate constraint events_origin_check;

-- How far the organ that writes notices is.
create table if not exists receiver.noticed (
    only_one boolean primary key default true check (only_one),
    -- The last dead job that it has read, in the order in which jobs died; null until its first look.
    died_at timestamptz,
    job bigint not null default 0,
    -- When it has added up the costs of the month.
    added_up_at timestamptz not null default '-infinity'
);

insert into receiver.noticed default values on conflict do nothing;

-- What was told, and what is to be told when it is time.
create table if not exists receiver.notices (
    source text not null,
    api_url text not null,
    account text not null,
    type text not null,
    -- Of dead jobs, their handler; of costs, the month and the amount.
    about text not null,
    told_at timestamptz,
    -- How many jobs have died since, when the first of them did, and why the last.
    untold bigint not null default 0,
    since timestamptz,
    error text,
    primary key (source, api_url, account, type, about)
);

-- Jobs in the order in which they died.
drop index concurrently if exists receiver.jobs_died;

create index concurrently jobs_died on receiver.jobs (due_at, id) where state = 'dead'
