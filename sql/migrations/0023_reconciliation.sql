-- no transaction
-- What the provider lists is compared with what it has announced: what was never announced becomes an event too.
--
-- Each statement commits by itself, as in 0009, and can be repeated.
alter table receiver.events
    -- The end that a transcription's event announces, as an instant; null where it tells none, and for events of before.
    add column if not exists ended_at timestamptz,
    -- Of a webhook that came late: the event that was made of the provider's list instead. The jobs are that event's.
    -- Without a foreign key: to check the rows that are there would stop deliveries.
    add column if not exists same_as bigint;

-- One row for each account whose key can list its transcriptions.
create table if not exists receiver.reconciliations (
    source text not null,
    api_url text not null,
    account text not null,
    -- What ended before is not looked for: nobody was told of it, and nobody expects an event now.
    reconcile_from timestamptz not null default now(),
    -- Whose key it is, as the provider says: a list shows what all keys of a user have submitted. Null until it is asked.
    user_id text,
    -- Whatever was created before has ended, and was announced or has an event; or it is asked about one by one.
    watermark timestamptz not null,
    due_at timestamptz not null default now(),
    -- Until then the process that lists is the only one.
    leased_until timestamptz not null default '-infinity',
    -- The last time that the whole list was compared, and how many ends were found that nobody had announced.
    compared_at timestamptz,
    found integer not null default 0,
    -- Why the last comparison was not made; null if it was.
    trouble text,
    primary key (source, api_url, account)
);

-- What the provider said last of each transcription whose end is ours to know.
create table if not exists receiver.transcriptions (
    source text not null,
    api_url text not null,
    account text not null,
    transcription_id text not null,
    status text not null,
    title text,
    pipeline_code text,
    duration_seconds double precision,
    created_at timestamptz,
    ended_at timestamptz,
    -- When it was first seen in this status.
    since timestamptz not null default now(),
    -- When it was last started again: an end before that and an end after it are two.
    restarted_at timestamptz,
    -- When the provider is asked about it by its id: for what is under way and too old for the list.
    ask_at timestamptz,
    -- When a person was told that it takes too long.
    overdue_at timestamptz,
    primary key (source, api_url, account, transcription_id)
);

create index if not exists transcriptions_under_way on receiver.transcriptions (source, api_url, account, ask_at)
where status not in ('completed', 'failed', 'cancelled');

-- How long transcriptions of one pipeline take, as a share of their length.
create index if not exists transcriptions_timed
on receiver.transcriptions (source, api_url, account, pipeline_code, ended_at desc)
where ended_at is not null and created_at is not null and duration_seconds > 0;

-- Nobody writes a row here. A delivery locks the table as a writer does. Whoever stores what was never announced locks it
-- against writers: so it waits for the deliveries under way, and later ones see what it has stored.
create table if not exists receiver.gate ();

-- Accounts that are known now begin now. Others begin when they are first seen.
insert into receiver.reconciliations (source, api_url, account, watermark)
select source, api_url, account, now() - interval '7 days' from receiver.senders where source = 'transcribe.so'
union
select source, api_url, account, now() - interval '7 days' from receiver.registrations where retired_at is null
on conflict do nothing;

-- Whether two announcements are about the same end: at the same second, or, if one of them tells no time, with no start
-- of the transcription between them.
create or replace function receiver.is_same_end(
    source text, api_url text, account text, transcription_id text,
    ended_at timestamptz, came_at timestamptz, other_ended_at timestamptz, other_came_at timestamptz
) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
    select case
        when ended_at is not null and other_ended_at is not null
            then ended_at > other_ended_at - interval '1 s' and ended_at < other_ended_at + interval '1 s'
        else not exists (
            select from receiver.transcriptions t
            where t.source = is_same_end.source and t.api_url = is_same_end.api_url
                and t.account = is_same_end.account and t.transcription_id = is_same_end.transcription_id
                and t.restarted_at > least(coalesce(ended_at, came_at), coalesce(other_ended_at, other_came_at))
                and t.restarted_at < greatest(coalesce(ended_at, came_at), coalesce(other_ended_at, other_came_at))
        )
    end
$$;

-- Whether two accounts may be keys of one user: each of them lists the transcriptions of both. As long as that is not
-- known they may be, because nothing may be run twice.
create or replace function receiver.is_same_user(source text, api_url text, account text, other text)
returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
    select account = other or not exists (
        select
        from receiver.reconciliations a
        join receiver.reconciliations b on b.user_id <> a.user_id
        where (a.source, a.api_url, a.account)
            = (is_same_user.source, is_same_user.api_url, is_same_user.account)
            and (b.source, b.api_url, b.account) = (is_same_user.source, is_same_user.api_url, is_same_user.other)
    )
$$;

-- What was not announced: for the webhook that comes late after all, and the newest of an account.
drop index concurrently if exists receiver.events_unannounced;

create index concurrently events_unannounced on receiver.events (source, api_url, transcription_id)
where origin in ('reconciled', 'submission') and transcription_id is not null;

drop index concurrently if exists receiver.events_reconciled;

create index concurrently events_reconciled on receiver.events (source, api_url, account, id)
where origin = 'reconciled';

drop index concurrently if exists receiver.registrations_of;

create index concurrently registrations_of on receiver.registrations (source, api_url, account, registered_at);

drop index concurrently if exists receiver.events_late;

create index concurrently events_late on receiver.events (same_as) where same_as is not null;
