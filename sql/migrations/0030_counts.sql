-- What a process knows, for others to read: its counts and its state, totals over all processes, and refused deliveries.

alter table receiver.processes
    -- What the process has counted since it began: series -> number. A series is a name and a JSON array of its labels.
    add column counts jsonb not null default '{}',
    -- What it knows now: {"gauges": {series: number}, "findings": [those about itself]}.
    add column told jsonb not null default '{}';

-- The sum of what all processes have counted, those that are gone included.
create table receiver.totals (
    series text collate "C" primary key,
    value double precision not null
) with (fillfactor = 50);

-- The same for each minute of the last two days.
create table receiver.minutes (
    at timestamptz not null,
    series text collate "C" not null,
    value double precision not null,
    primary key (at, series)
) with (fillfactor = 80);

-- Up to which event they were counted, and when charges were added up last.
create table receiver.counted (
    only_one boolean primary key default true check (only_one),
    last_event bigint not null,
    totalled_at timestamptz not null default '-infinity'
);

insert into receiver.counted (last_event) select last_event from receiver.ledger;

-- The last deliveries that were refused although their signature has the right form. A row is overwritten by a later one.
create table receiver.refused (
    place smallint primary key check (place between 0 and 19),
    at timestamptz not null,
    -- Whose webhook it came to; null at the address of a callback, which ends in a token.
    source text,
    api_url text,
    account text,
    token text,
    reason text not null,
    client text,
    -- Those header lines that have to do with the signature and the body.
    head bytea not null,
    body bytea not null
);

-- What is left of an account's money, as its provider said last.
create table receiver.balances (
    source text not null,
    api_url text not null,
    account text not null,
    -- Null if no free call tells, or none was answered yet.
    balance double precision,
    unit text not null default '',
    seen_at timestamptz,
    trouble text,
    -- When a process asked last: one process asks for all.
    asked_at timestamptz not null default now(),
    primary key (source, api_url, account)
);
