-- Events, jobs, registrations and the archive of the provider's answers.

create table receiver.events (
    id bigint generated always as identity primary key,
    source text not null,
    event_id text not null,
    -- Which API's key signed it: a folder that met the sandbox must not mix with the real thing.
    api_url text not null,
    -- Null while the event is quarantined; then `unreadable` says why.
    type text,
    unreadable text,
    transcription_id text,
    raw bytea not null,
    secret_fingerprint text not null,
    received_at timestamptz not null default now(),
    last_delivered_at timestamptz not null default now(),
    deliveries integer not null default 1,
    unique (source, event_id),
    check ((type is null) = (unreadable is not null))
);

create type receiver.job_state as enum ('pending', 'running', 'done', 'dead');

create table receiver.jobs (
    id bigint generated always as identity primary key,
    event bigint not null references receiver.events (id) on delete cascade,
    handler text not null,
    state receiver.job_state not null default 'pending',
    attempt integer not null default 0,
    uncounted integer not null default 0,
    -- When the job may be claimed: for a pending one its time, for a running one the end of its lease.
    due_at timestamptz not null default now(),
    error text,
    changed_at timestamptz not null default now(),
    unique (event, handler)
);
create index jobs_due on receiver.jobs (due_at) where state in ('pending', 'running');

create table receiver.registrations (
    id bigint generated always as identity primary key,
    api_url text not null,
    key_fingerprint text not null,
    callback_url text not null,
    -- Sent with the request, so that asking again after a crash brings the first answer.
    idempotency_key text not null,
    intended_at timestamptz not null default now(),
    -- Null while this is an intent only.
    registered_at timestamptz,
    webhook_id text,
    secret text,
    retired_at timestamptz,
    check ((secret is null) = (registered_at is null))
);
create index registrations_whose on receiver.registrations (api_url, key_fingerprint, callback_url);

create table receiver.archive (
    source text not null,
    transcription_id text not null,
    -- As the provider writes it; empty where the event had none. A retried transcription may end again.
    completed_at text not null,
    kind text not null,
    -- The provider's answer byte for byte: jsonb would refuse what JSON allows.
    answer bytea not null,
    fetched_at timestamptz not null default now(),
    primary key (source, transcription_id, completed_at, kind)
);
