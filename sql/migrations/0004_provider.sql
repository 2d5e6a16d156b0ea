-- What asking the provider needs: a budget for each key, secrets of single transcriptions, regenerations counted.

create table receiver.budgets (
    api_url text not null,
    key_fingerprint text not null,
    -- When every turn taken so far is paid for; see receiver/budget.py.
    full_at timestamptz not null,
    -- The last places in the lines of those that were told to come back later: what is live, and what can wait.
    line_at timestamptz not null,
    line_behind_at timestamptz not null,
    -- What the last one who asked was answered: the statement that decides also tells.
    wait interval not null,
    primary key (api_url, key_fingerprint)
);

create table receiver.callbacks (
    -- The last part of the path that the deliveries of one transcription come to.
    token text primary key,
    api_url text not null,
    -- Sent with the request, so that asking again after a crash brings the first answer.
    idempotency_key text not null,
    intended_at timestamptz not null default now(),
    -- Null until the provider has answered.
    transcription_id text,
    secret text,
    unique (api_url, idempotency_key),
    check ((secret is null) = (transcription_id is null))
);
create index callbacks_recent on receiver.callbacks (api_url, intended_at);

create table receiver.regenerations (
    id bigint generated always as identity primary key,
    api_url text not null,
    transcription_id text not null,
    -- Written before the provider is asked: one whose answer was lost has been used up all the same.
    intended_at timestamptz not null default now()
);
create index regenerations_of on receiver.regenerations (api_url, transcription_id);

-- The provider has deleted it: its secret verifies what is on its way, and nothing new will come.
alter table receiver.registrations add column gone_at timestamptz;

-- A replay is not urgent: requests for what was just delivered go before its requests.
alter table receiver.jobs add column live boolean not null default true;

-- Written at every change and read by nobody.
alter table receiver.jobs drop column changed_at;

-- A transcription is followed, and looked up, by its id.
create index events_about on receiver.events (transcription_id);
