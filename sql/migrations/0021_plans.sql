-- no transaction
-- What an index or a view answers without reading a whole table, and what only processes of version 0.6 needed goes.
--
-- Each statement commits by itself, as in 0009. Processes of version 0.7 write every column that must not be null now.
alter table receiver.jobs
    drop constraint if exists jobs_whose_check,
    add constraint jobs_whose_check check (source is not null and api_url is not null and account is not null) not valid;

alter table receiver.jobs validate constraint jobs_whose_check;

-- The valid constraint proves it, so no row is read while deliveries wait.
alter table receiver.jobs
    alter column source set not null, alter column api_url set not null, alter column account set not null,
    drop constraint jobs_whose_check;

alter table receiver.events
    drop constraint if exists events_has_origin_check,
    add constraint events_has_origin_check check (origin is not null) not valid;

alter table receiver.events validate constraint events_has_origin_check;

alter table receiver.events alter column origin set not null, drop constraint events_has_origin_check;

drop trigger if exists fill_whose_job on receiver.jobs;

drop function if exists receiver.fill_whose_job();

drop trigger if exists fill_origin on receiver.events;

drop function if exists receiver.fill_origin();

drop index concurrently if exists receiver.jobs_due;

-- Dead jobs are few, and no delivery makes one: the newest of each queue.
drop index concurrently if exists receiver.jobs_dead;

create index concurrently jobs_dead on receiver.jobs (source, api_url, account, handler, is_replay, id)
where state = 'dead';

-- For the last use of a secret, which decides whether it can be retired. Each delivery pays for this one.
drop index concurrently if exists receiver.events_secrets;

create index concurrently events_secrets on receiver.events (secret_fingerprint, last_delivered_at);

drop index concurrently if exists receiver.events_tests;

create index concurrently events_tests on receiver.events (source, api_url, account, id) where type = 'webhook.test';

drop index concurrently if exists receiver.registrations_unretired;

create index concurrently registrations_unretired on receiver.registrations (source, api_url, account)
where retired_at is null;

-- The newest of each state: those that are not over are few.
drop index concurrently if exists receiver.submissions_newest;

create index concurrently submissions_newest on receiver.submissions (state, created_at, id);

drop index concurrently if exists receiver.submissions_works;

create index concurrently submissions_works on receiver.submissions (remote_id) where remote_id is not null;

-- In place of submissions_ended: what has no length says nothing about how long works take.
drop index concurrently if exists receiver.submissions_timed;

create index concurrently submissions_timed on receiver.submissions (source, api_url, account, operation, ended_at desc)
where accepted_at is not null and ended_at is not null and duration_seconds > 0;

drop index concurrently if exists receiver.submissions_ended;

-- Each job leaves two dead rows, and claims pass their entries in jobs_next until they are cleaned up. A vacuum of the
-- jobs reads all their indexes, so it waits for a hundredth of the rows; it may then work five times as fast as others.
-- Events are inserted and hardly changed: a vacuum reads their new pages only.
alter table receiver.jobs set (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_limit = 1000,
    autovacuum_analyze_scale_factor = 0.02
);

alter table receiver.events set (
    autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02
);

-- The queues that have pending or dead jobs. Each is found by one look into the index jobs_next or jobs_dead: from one
-- queue to the next, past all its jobs.
create or replace view receiver.queues as
with recursive pending as (
    (
        select source, api_url, account, handler, is_replay
        from receiver.jobs
        where state = 'pending'
        order by source, api_url, account, handler, is_replay
        limit 1
    )
    union all
    select next.source, next.api_url, next.account, next.handler, next.is_replay
    from pending
    cross join lateral (
        select j.source, j.api_url, j.account, j.handler, j.is_replay
        from receiver.jobs j
        where j.state = 'pending' and (j.source, j.api_url, j.account, j.handler, j.is_replay)
            > (pending.source, pending.api_url, pending.account, pending.handler, pending.is_replay)
        order by j.source, j.api_url, j.account, j.handler, j.is_replay
        limit 1
    ) as next
), dead as (
    (
        select source, api_url, account, handler, is_replay
        from receiver.jobs
        where state = 'dead'
        order by source, api_url, account, handler, is_replay
        limit 1
    )
    union all
    select next.source, next.api_url, next.account, next.handler, next.is_replay
    from dead
    cross join lateral (
        select j.source, j.api_url, j.account, j.handler, j.is_replay
        from receiver.jobs j
        where j.state = 'dead' and (j.source, j.api_url, j.account, j.handler, j.is_replay)
            > (dead.source, dead.api_url, dead.account, dead.handler, dead.is_replay)
        order by j.source, j.api_url, j.account, j.handler, j.is_replay
        limit 1
    ) as next
)
select 'pending'::receiver.job_state as state, source, api_url, account, handler, is_replay from pending
union all
select 'dead'::receiver.job_state, source, api_url, account, handler, is_replay from dead;

-- The accounts that have events, in the same way by events_identity.
create or replace view receiver.senders as
with recursive sender as (
    (select source, api_url, account from receiver.events order by source, api_url, account limit 1)
    union all
    select next.source, next.api_url, next.account
    from sender
    cross join lateral (
        select e.source, e.api_url, e.account
        from receiver.events e
        where (e.source, e.api_url, e.account) > (sender.source, sender.api_url, sender.account)
        order by e.source, e.api_url, e.account
        limit 1
    ) as next
)
select source, api_url, account from sender
