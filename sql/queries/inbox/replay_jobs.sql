-- Make an event's jobs pending again with all their tries, and add missing ones; leave running ones alone.
-- $1 event bigint, $2 handlers text[]
--
-- The event is locked against a prune, and what is pruned gets no jobs: nobody could read its body.
insert into receiver.jobs as j (event, handler, is_replay, source, api_url, account, traceparent)
select
    e.id, wanted.handler, true, e.source, e.api_url, e.account,
    (select other.traceparent from receiver.jobs other where other.event = e.id order by other.traceparent limit 1)
from receiver.events e
cross join unnest($2::text[]) as wanted (handler)
where e.id = $1 and e.pruned_at is null
for key share of e
on conflict (event, handler) do update
    set state = 'pending', due_at = now(), uncounted = j.attempt, is_replay = true, error = null, waiting_since = null,
        replay = null
    where j.state <> 'running'
returning j.handler
