-- no transaction
-- What is old can be pruned, in small batches and beside deliveries.
--
-- Each statement commits by itself, as in 0009, and can be repeated. A process of version 0.8 that gets a repeat of an
-- event without its body keeps the body in quarantine: it does not know that `raw` is a hash then. It runs no handler.
alter table receiver.events
    -- When the body was pruned, and the jobs with it. Since then `raw` is the body's SHA-256, which tells repeats.
    add column if not exists pruned_at timestamptz;

create table if not exists receiver.retention (
    only_one boolean primary key default true check (only_one),
    -- When all that was old had been pruned last, by the setting RECEIVER_PRUNE_DAYS.
    pruned_at timestamptz
);

insert into receiver.retention default values on conflict do nothing;

-- The key from a submission to its event: without the index each event that is deleted reads all submissions.
drop index concurrently if exists receiver.submissions_event;

create index concurrently submissions_event on receiver.submissions (event) where event is not null;

drop index concurrently if exists receiver.callbacks_old;

create index concurrently callbacks_old on receiver.callbacks (intended_at);

drop index concurrently if exists receiver.transcriptions_old;

create index concurrently transcriptions_old on receiver.transcriptions (since)
where status in ('completed', 'failed', 'cancelled');
