-- no transaction
-- What is paid for: each regeneration is an intent before it is asked for, and each charge is a row for good.
--
-- Each statement commits by itself, and can be repeated. Processes of version 0.8 insert regenerations by their API and
-- transcription alone, and delete those that were refused.
alter table receiver.regenerations
    add column if not exists source text not null default 'transcribe.so',
    add column if not exists account text not null default 'default',
    -- The key that pays: the provider repeats an answer to the same key only.
    add column if not exists key_fingerprint text,
    -- When the run of the transcription ended, in the provider's format.
    add column if not exists completed_at text,
    add column if not exists style text,
    add column if not exists prompt text,
    -- The digest of what is asked: who asks the same again goes on with this row.
    add column if not exists asked text,
    add column if not exists idempotency_key text,
    -- The process that wrote the row, as `host/pid`.
    add column if not exists asked_by text,
    -- Null in a row of version 0.8: nobody knows what became of it. `intended`: no outcome is written. `lost`: it was
    -- sent, and no answer came.
    add column if not exists state text check (state in ('intended', 'answered', 'refused', 'lost')),
    add column if not exists ended_at timestamptz,
    add column if not exists error text,
    -- Under which kind the archive keeps the answer.
    add column if not exists kept_as text;

create table if not exists receiver.charges (
    id bigint generated always as identity primary key,
    source text not null,
    api_url text not null,
    account text not null,
    -- What was paid for: the provider's id of the work. Where none is known, our submission or `regeneration/ID`.
    work text not null,
    -- Which run of the work. A transcription that is started again is charged again. For a submission under its own id,
    -- which of the paid tries.
    run integer not null,
    operation text not null,
    pipeline text,
    title text,
    submission text,
    -- The transcription that a regeneration is of.
    transcription_id text,
    event bigint,
    -- Null if the provider has not told it.
    amount numeric,
    unit text,
    -- Nobody knows whether it was charged.
    perhaps boolean not null default false,
    known_by text not null check (known_by in ('answer', 'event')),
    at timestamptz not null default now(),
    -- When the run ended: by the provider's time, and when that was known here.
    completed_at timestamptz,
    ended_at timestamptz,
    unique (source, api_url, account, work, run)
);

create index if not exists charges_at on receiver.charges (at);

create index if not exists charges_submission on receiver.charges (submission) where submission is not null;

insert into receiver.charges (
    source, api_url, account, work, run, operation, transcription_id, unit, perhaps, known_by, at
)
select
    source, api_url, account, 'regeneration/' || id, 1, 'regeneration', transcription_id, 'USD', true, 'answer',
    intended_at
from receiver.regenerations
where state is null
on conflict do nothing;

-- How far the ledger has read the events.
create table if not exists receiver.ledger (
    only_one boolean primary key default true check (only_one),
    last_event bigint not null default 0,
    -- Up to which event it reads next, once every transaction before this one has ended: one of them can have taken a
    -- lower id and commit later.
    mark_event bigint,
    mark_transaction xid8,
    marked_at timestamptz
);

insert into receiver.ledger default values on conflict do nothing;

-- How long the last works of a pipeline took. What has failed says nothing about that.
drop index concurrently if exists receiver.submissions_lasted;

create index concurrently submissions_lasted on receiver.submissions
    (source, api_url, account, operation, (coalesce(wishes ->> 'pipeline_code', '')), ended_at desc)
where accepted_at is not null and ended_at is not null and duration_seconds > 0 and state <> 'failed'
