-- no transaction
-- What a claim decides by stands on the job's row: whose job it is, beside its handler, its state and its time.
--
-- A process of version 0.6 writes beside this schema and does not know these columns: the triggers fill them for it.
-- Version 0.8 drops the triggers. The next migration fills the rows that are there.
--
-- Each statement commits by itself. A delivery locks the events, then the jobs: a transaction that holds one of the two
-- tables and waits for the other would stand in a circle with it.
alter table receiver.jobs
    add column if not exists source text,
    add column if not exists api_url text,
    add column if not exists account text,
    -- The trace that the delivery belongs to (W3C traceparent); null where there is none.
    add column if not exists traceparent text;

create or replace function receiver.fill_whose_job() returns trigger language plpgsql as $$
begin
    select e.source, e.api_url, e.account into new.source, new.api_url, new.account
    from receiver.events e
    where e.id = new.event;
    return new;
end
$$;

create or replace trigger fill_whose_job before insert on receiver.jobs
    for each row when (new.source is null) execute function receiver.fill_whose_job();

alter table receiver.events
    -- How we learned of it: the webhook, a callback, a submission of our own, or a comparison with the provider's list.
    add column if not exists origin text,
    -- The title of its transcription, for lists; null where there is none, and for events of before.
    add column if not exists title text,
    drop constraint if exists events_origin_check,
    -- Not valid yet: all events would be read while deliveries wait. The next migration validates it beside them.
    add constraint events_origin_check check (origin in ('webhook', 'callback', 'submission', 'reconciled')) not valid;

create or replace function receiver.fill_origin() returns trigger language plpgsql as $$
begin
    new.origin := case when new.callback_for is null then 'webhook' else 'callback' end;
    return new;
end
$$;

create or replace trigger fill_origin before insert on receiver.events
    for each row when (new.origin is null) execute function receiver.fill_origin();
