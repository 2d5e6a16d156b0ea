-- no transaction
-- What was said can be searched: each kept transcript is listed, and cut into passages.
--
-- Each statement commits by itself, as in 0009, and can be repeated. Processes of version 0.10 keep answers beside this:
-- a trigger notes them, whoever keeps them.
create table if not exists receiver.library (
    id bigint generated always as identity primary key,
    source text not null,
    api_url text not null,
    -- Of a provider without webhooks: the id of our submission.
    transcription_id text not null,
    -- The run that was fetched last, as the archive names it.
    completed_at text not null,
    kind text not null default 'result' check (kind = 'result'),
    fetched_at timestamptz not null,
    account text,
    -- When the run ended, or else when its answer was fetched: the order of all lists.
    at timestamptz not null,
    title text,
    language text,
    seconds double precision not null,
    passages integer not null,
    -- The name of a text search configuration. No regconfig: a database with such a column cannot be upgraded by
    -- pg_upgrade. Null: the words have no spaces between them, so there are no words to index.
    config text,
    unique (source, api_url, transcription_id),
    -- At the end of a transaction: who prunes answers does not wait while a long transcript is written.
    constraint library_answer_fkey foreign key (source, api_url, transcription_id, completed_at, kind)
    references receiver.archive (source, api_url, transcription_id, completed_at, kind)
    on delete cascade deferrable initially deferred
);

create index if not exists library_newest on receiver.library (at desc, id desc);

create index if not exists library_unspaced on receiver.library (at desc, id desc) where config is null;

create index if not exists library_configs on receiver.library (config) where config is not null;

create table if not exists receiver.passages (
    transcript bigint not null references receiver.library on delete cascade,
    number integer not null,
    seconds double precision not null,
    -- Null if it is not told, or if several people speak.
    speaker text,
    text text not null,
    -- Where in the text each segment begins, and when: [[0, 12.5], [83, 15.1]].
    starts jsonb not null,
    config text,
    words tsvector not null,
    primary key (transcript, number)
);

-- No list of what is not indexed yet: each search would read it.
create index if not exists passages_words on receiver.passages using gin (words) with (fastupdate = off);

-- The answers whose transcripts are not in the library yet. One that cannot be read is taken off too.
create table if not exists receiver.unindexed (
    source text not null,
    api_url text not null,
    transcription_id text not null,
    completed_at text not null,
    fetched_at timestamptz not null,
    primary key (source, api_url, transcription_id, completed_at)
);

create index if not exists unindexed_newest on receiver.unindexed (fetched_at desc);

-- As the tables' owner: a role of a process of version 0.10 has no right on the new table.
create or replace function receiver.note_unindexed() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into receiver.unindexed (source, api_url, transcription_id, completed_at, fetched_at)
    values (new.source, new.api_url, new.transcription_id, new.completed_at, new.fetched_at)
    on conflict do nothing;
    return null;
end
$$;

revoke execute on function receiver.note_unindexed() from public;

create or replace trigger note_unindexed after insert on receiver.archive
    for each row when (new.kind = 'result') execute function receiver.note_unindexed();

-- What was kept before. The workers index it by and by, the newest first.
insert into receiver.unindexed (source, api_url, transcription_id, completed_at, fetched_at)
select source, api_url, transcription_id, completed_at, fetched_at
from receiver.archive
where kind = 'result'
on conflict do nothing
