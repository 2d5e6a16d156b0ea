-- What we ask the providers for: a submission is paid for at most as often as was permitted.

create table receiver.submissions (
    id text primary key,
    source text not null,
    api_url text not null,
    account text not null,
    -- The key that pays: another key cannot look at the work.
    key_fingerprint text not null,
    operation text not null,
    -- The options, which were checked against the provider's ranges before this row was written.
    wishes jsonb not null,
    -- The recording: the name of a file, or the address that the provider fetches.
    recording text not null,
    url text,
    title text,
    duration_seconds double precision,
    bytes bigint,
    -- What counts as the same submission; the digest of all that was asked for.
    caller_key text not null,
    asked text not null,
    state text not null default 'intended',
    -- What a lost answer means, said before money is spent.
    if_lost text not null default 'ask',
    -- What an upload has reached, so that it goes on after a crash.
    upload jsonb not null default '{}',
    remote_file text,
    remote_file_expires_at timestamptz,
    remote_id text,
    -- How often it was sent and might have been paid for, and how often that is permitted.
    paid_tries integer not null default 0,
    permitted_tries integer not null default 1,
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    accepted_at timestamptz,
    ended_at timestamptz,
    -- When the provider is asked about it next, and what it said last.
    look_at timestamptz,
    looks integer not null default 0,
    seen_at timestamptz,
    -- Since when the provider does not know it any more.
    missing_since timestamptz,
    -- When a person was told that it takes too long.
    overdue_at timestamptz,
    said text,
    progress double precision,
    charged double precision,
    unit text,
    error text,
    -- The event that announces its end.
    event bigint references receiver.events (id) on delete set null,
    unique (source, api_url, account, caller_key),
    unique (source, api_url, account, remote_id),
    check (state in ('intended', 'uploaded', 'sent', 'accepted', 'unknown', 'ended', 'done', 'failed')),
    check (if_lost in ('ask', 'again', 'fail')),
    check (paid_tries between 0 and permitted_tries)
);
create index submissions_asked on receiver.submissions (source, api_url, account, asked);
-- The next looks of one account, without passing those of another, and how long its last works took.
create index submissions_looks on receiver.submissions (source, api_url, account, look_at) where state = 'accepted';
create index submissions_ended on receiver.submissions (source, api_url, account, operation, ended_at desc)
    where accepted_at is not null and ended_at is not null;
-- For what waits for a person: they are few.
create index submissions_unknown on receiver.submissions (source, api_url, account) where state in ('sent', 'unknown');

-- The files that a submission has brought, where they lie on our side.
create table receiver.artifacts (
    submission text not null references receiver.submissions (id) on delete cascade,
    name text not null,
    content_type text,
    bytes bigint not null,
    sha256 text not null,
    place text not null,
    fetched_at timestamptz not null default now(),
    primary key (submission, name)
);
