-- What became of each attempt at a job: who made it, how long it took and how it ended. The job itself keeps only its
-- last error. Processes of version 0.7 write no rows here.

create table receiver.attempts (
    job bigint not null references receiver.jobs (id) on delete cascade,
    attempt integer not null,
    -- The process that held the job: its host and its process id. Null if it lost the job, because nobody wrote it down.
    worker text,
    -- Null if the attempt is lost.
    claimed_at timestamptz,
    -- When the outcome was written; if the attempt is lost, when its lease ran out.
    ended_at timestamptz not null default now(),
    outcome text not null check (outcome in ('done', 'again', 'later', 'dead', 'released', 'lost')),
    error text,
    primary key (job, attempt)
);
