-- Whatever is kept is named by who says it: source, API, account, and what it is about.

-- The database's own name. What a receiver spools names the database it is for, and addresses and passwords change.
create table receiver.identity (
    only_one boolean primary key default true check (only_one),
    id uuid not null default gen_random_uuid()
);
insert into receiver.identity default values;

drop view receiver.inbox;

alter table receiver.events
    add column account text not null default 'default',
    -- The transcription at whose own callback it came; null where it came to the webhook. Its secret proves no other.
    add column callback_for text,
    -- The id that this one claims though another body came under it before; so it is kept beside that, in quarantine.
    add column claimed_id text,
    drop constraint events_source_event_id_key;

-- A callback's secret was judged when it came; which transcription it was for is not known any more, and is none.
update receiver.events set callback_for = ''
where unreadable = 'it is not about the transcription whose callback it came to';

-- PostgreSQL 14 has no `nulls not distinct`. What is in quarantine is named by its bytes, in a space of its own: an
-- event that is called like the hash of an unreadable body takes nobody's place.
create unique index events_identity on receiver.events
    (source, api_url, account, event_id, (coalesce(transcription_id, '')), (type is null));
create index events_claimed on receiver.events (claimed_id) where claimed_id is not null;

-- What another side has seen under a key stays the same key: jobs that are there keep theirs.
alter table receiver.jobs
    add column idempotency_key text,
    add column is_replay boolean not null default false;
update receiver.jobs j
set is_replay = not j.live,
    idempotency_key = 'rcv-' || left(encode(sha256(
        convert_to(e.source, 'UTF8') || '\x00'::bytea || convert_to(e.event_id, 'UTF8')
        || '\x00'::bytea || convert_to(j.handler, 'UTF8')
    ), 'hex'), 40)
from receiver.events e
where e.id = j.event;
alter table receiver.jobs drop column live;

create view receiver.inbox as
select
    e.id, e.source, e.event_id, e.api_url, e.account, e.type, e.unreadable, e.transcription_id, e.callback_for,
    e.claimed_id, e.received_at, e.deliveries, work.jobs,
    case
        when e.type is null then 'quarantined'
        when work.unfinished then 'pending'
        when work.dead then 'dead'
        else 'done'
    end as state
from receiver.events e
cross join lateral (
    select
        coalesce(jsonb_agg(jsonb_build_object(
            'id', j.id, 'handler', j.handler, 'state', j.state, 'attempt', j.attempt,
            'error', j.error, 'waits_seconds', extract(epoch from j.due_at - now())
        ) order by j.handler), '[]') as jobs,
        bool_or(j.state in ('pending', 'running')) as unfinished,
        bool_or(j.state = 'dead') as dead
    from receiver.jobs j
    where j.event = e.id
) as work;

-- The archive and what the bundled handlers store. Which API a row is from, its events tell.
create temporary table whose on commit drop as
select
    known.source, known.transcription_id,
    coalesce(
        (select max(e.api_url) from receiver.events e
         where (e.source, e.transcription_id) = (known.source, known.transcription_id)),
        'https://transcribe.so'
    ) as api_url,
    (select count(distinct e.api_url) from receiver.events e
     where (e.source, e.transcription_id) = (known.source, known.transcription_id)) > 1 as ambiguous
from (
    select source, transcription_id from receiver.archive
    union select source, transcription_id from receiver.transcripts
    union select source, transcription_id from receiver.timestamps
) as known;

alter table receiver.archive add column api_url text;
alter table receiver.transcripts add column api_url text;
alter table receiver.segments add column api_url text;
alter table receiver.chapters add column api_url text;
alter table receiver.sections add column api_url text;
alter table receiver.qna add column api_url text;
alter table receiver.timestamps add column api_url text;
alter table receiver.failures add column api_url text, add column account text not null default 'default';

-- An answer of two APIs' would be shown for the other one's transcription; it can be fetched again.
delete from receiver.archive a using whose w
where w.ambiguous and (a.source, a.transcription_id) = (w.source, w.transcription_id);
delete from receiver.timestamps t using whose w
where w.ambiguous and (t.source, t.transcription_id) = (w.source, w.transcription_id);
delete from receiver.transcripts t using whose w
where w.ambiguous and (t.source, t.transcription_id) = (w.source, w.transcription_id);

update receiver.archive t set api_url = w.api_url from whose w
where (t.source, t.transcription_id) = (w.source, w.transcription_id);
update receiver.transcripts t set api_url = w.api_url from whose w
where (t.source, t.transcription_id) = (w.source, w.transcription_id);
update receiver.segments t set api_url = w.api_url from whose w
where (t.source, t.transcription_id) = (w.source, w.transcription_id);
update receiver.chapters t set api_url = w.api_url from whose w
where (t.source, t.transcription_id) = (w.source, w.transcription_id);
update receiver.sections t set api_url = w.api_url from whose w
where (t.source, t.transcription_id) = (w.source, w.transcription_id);
update receiver.qna t set api_url = w.api_url from whose w
where (t.source, t.transcription_id) = (w.source, w.transcription_id);
update receiver.timestamps t set api_url = w.api_url from whose w
where (t.source, t.transcription_id) = (w.source, w.transcription_id);
-- A failure names its event, and until now an event's id was unique within its source.
update receiver.failures t
set api_url = coalesce(
    (select max(e.api_url) from receiver.events e where (e.source, e.event_id) = (t.source, t.event_id)),
    'https://transcribe.so'
);

alter table receiver.segments drop constraint segments_source_transcription_id_fkey, drop constraint segments_pkey;
alter table receiver.chapters drop constraint chapters_source_transcription_id_fkey, drop constraint chapters_pkey;
alter table receiver.sections drop constraint sections_source_transcription_id_fkey, drop constraint sections_pkey;
alter table receiver.qna drop constraint qna_source_transcription_id_fkey, drop constraint qna_pkey;
alter table receiver.transcripts drop constraint transcripts_pkey, add primary key (source, api_url, transcription_id);
alter table receiver.archive
    drop constraint archive_pkey, add primary key (source, api_url, transcription_id, completed_at, kind);
alter table receiver.timestamps
    drop constraint timestamps_pkey, add primary key (source, api_url, transcription_id, format);
alter table receiver.failures
    drop constraint failures_pkey, add primary key (source, api_url, transcription_id, account, event_id);
alter table receiver.segments
    add primary key (source, api_url, transcription_id, position),
    add foreign key (source, api_url, transcription_id) references receiver.transcripts on delete cascade;
alter table receiver.chapters
    add primary key (source, api_url, transcription_id, position),
    add foreign key (source, api_url, transcription_id) references receiver.transcripts on delete cascade;
alter table receiver.sections
    add primary key (source, api_url, transcription_id, position),
    add foreign key (source, api_url, transcription_id) references receiver.transcripts on delete cascade;
alter table receiver.qna
    add primary key (source, api_url, transcription_id, position),
    add foreign key (source, api_url, transcription_id) references receiver.transcripts on delete cascade;
