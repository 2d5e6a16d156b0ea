-- A key of a caller is looked for in all accounts.
create index submissions_caller_keys on receiver.submissions (caller_key);

-- What the bundled handler `artifacts` stores: the files of a submission, where they lie on our side.
create table receiver.files (
    source text not null,
    api_url text not null,
    account text not null,
    submission text not null,
    operation text not null,
    recording text not null,
    name text not null,
    content_type text,
    bytes bigint not null,
    sha256 text not null,
    place text not null,
    stored_at timestamptz not null default now(),
    primary key (source, api_url, submission, name)
);
