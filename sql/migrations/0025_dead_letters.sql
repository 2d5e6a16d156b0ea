-- no transaction
-- A person can leave a dead job, and replay many dead jobs at once.
--
-- Each statement commits by itself: a new state cannot be used in the transaction that adds it. Processes of version 0.8
-- go on beside this: they print the new state, and write none of it.
alter type receiver.job_state add value if not exists 'dropped';

-- Who dropped a job last, when and why. It counts while the job is dropped.
create table if not exists receiver.drops (
    job bigint primary key references receiver.jobs (id) on delete cascade,
    dropped_at timestamptz not null default now(),
    -- user@host
    dropped_by text not null,
    reason text
);

-- The bulk replays. Workers advance those that are running.
create table if not exists receiver.replays (
    id bigint generated always as identity primary key,
    -- What was asked for, by the names of the command's options.
    filter jsonb not null,
    state text not null default 'running' check (state in ('running', 'cancelled', 'done')),
    -- How many jobs were dead when it began; how many of them are pending since; and how many were left alone, because
    -- somebody else had replayed or dropped them before their turn.
    total bigint not null,
    done bigint not null default 0,
    passed bigint not null default 0,
    -- user@host
    started_by text not null,
    started_at timestamptz not null default now(),
    advanced_at timestamptz,
    ended_at timestamptz
);

-- The jobs that a bulk replay has yet to move. A job that has been claimed since is another matter: its attempt tells.
create table if not exists receiver.replay_jobs (
    replay bigint not null references receiver.replays (id) on delete cascade,
    job bigint not null,
    attempt integer not null,
    primary key (replay, job)
);

-- The bulk replay that made the job pending last. No reference: the rows of jobs would be read to check it.
alter table receiver.jobs add column if not exists replay bigint;

-- How many jobs of a bulk replay wait, are done, and are dead again. No live job is in it.
drop index concurrently if exists receiver.jobs_replayed;

create index concurrently jobs_replayed on receiver.jobs (replay, state) where replay is not null
