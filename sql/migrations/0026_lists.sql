-- no transaction
-- Events and jobs are looked up by what people know of them, and a job says since when it waits.
--
-- Each statement commits by itself, as in 0009, and can be repeated.
alter table receiver.jobs
    -- Since when every attempt has ended as `later` (rate limit, money, key, Postpone); null if the last one did not.
    -- Processes of version 0.8 do not write it, so a job that they have tried tells the truth from its next attempt on.
    add column if not exists waiting_since timestamptz;

-- The newest of each queue that wait: no other job pays for it.
drop index concurrently if exists receiver.jobs_waiting_since;

create index concurrently jobs_waiting_since on receiver.jobs (source, api_url, account, handler, is_replay, id)
where state = 'pending' and waiting_since is not null;

-- The newest of each kind. Each delivery pays for this one.
drop index concurrently if exists receiver.events_kinds;

create index concurrently events_kinds on receiver.events ((coalesce(type, '')), source, account, received_at, id);

-- The kinds of events that there are: type, source and account. The type is empty for those in quarantine. Each is found
-- by one look into the index events_kinds: from one kind to the next, past all its events.
create or replace view receiver.kinds as
with recursive kind as (
    (
        select coalesce(type, '') as type, source, account
        from receiver.events
        order by coalesce(type, ''), source, account
        limit 1
    )
    union all
    select next.type, next.source, next.account
    from kind
    cross join lateral (
        select coalesce(e.type, '') as type, e.source, e.account
        from receiver.events e
        where (coalesce(e.type, ''), e.source, e.account) > (kind.type, kind.source, kind.account)
        order by coalesce(e.type, ''), e.source, e.account
        limit 1
    ) as next
)
select type, source, account from kind
