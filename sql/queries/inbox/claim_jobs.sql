-- Claim due jobs of some queues, accounts in turn, or with $8 that job only; add 1 to the attempt of each.
-- $1 sources text[], $2 api_urls text[], $3 accounts text[], $4 handlers text[], $5 are_replays boolean[], $6 lease interval, $7 limit bigint, $8 only bigint, $9 aside bigint[], $10 rooms bigint[], $11 marks_due timestamptz[], $12 marks_id bigint[]
--
--     a queue: the pending jobs of one handler of one account, live ones or replays
--        │ not due yet, not after the queue's mark ($11, $12), put aside ($9), or not job $8 if $8 is given ──▶ left out
--        ▼
--     its first $7 jobs by due_at, then by id, each row locked; at most as many as its account has room for ($10)
--        │ another transaction has locked the row ──▶ skipped: not waited for, and not counted in $7
--        ▼
--     the first job of each account in the order of the queues, then the second of each, … until there are $7;
--     an account's live jobs come before its replays
--        ▼
--     running, attempt + 1, due_at = now + lease ($6) ──▶ returned with its event, whose row is not locked
--
-- The arrays are selected, so that the planner does not see how long they are: otherwise it makes a new plan each time.
-- Rows that were locked and not chosen are free again at the end of the statement.
-- Without marks each claim walks over what the index keeps of the jobs that were claimed before, for as long as any
-- transaction might still see them: with a snapshot held for 18 s the rate fell to a quarter.
with due as (
    select j.id, j.due_at, queue.source, queue.api_url, queue.account, queue.is_replay, queue.room, queue.place
    from unnest(
        (select $1::text[]), (select $2::text[]), (select $3::text[]), (select $4::text[]), (select $5::boolean[]),
        (select $10::bigint[]), (select $11::timestamptz[]), (select $12::bigint[])
    ) with ordinality
        as queue (source, api_url, account, handler, is_replay, room, mark_due, mark_id, place)
    cross join lateral (
        select j.id, j.due_at
        from receiver.jobs j
        where j.source = queue.source and j.api_url = queue.api_url and j.account = queue.account
            and j.handler = queue.handler and j.is_replay = queue.is_replay and j.state = 'pending'
            and j.due_at <= now() and (j.due_at, j.id) > (queue.mark_due, queue.mark_id)
            and ($8::bigint is null or j.id = $8) and j.id <> all ($9)
        order by j.due_at, j.id
        limit least($7, queue.room)
        for update skip locked
    ) as j
), in_turn as (
    select
        id, due_at, room,
        row_number() over (partition by source, api_url, account order by is_replay, due_at, id) as round,
        min(place) over (partition by source, api_url, account) as turn
    from due
), chosen as (
    select id, due_at from in_turn where round <= room order by round, turn, due_at, id limit $7
)
update receiver.jobs j
set state = 'running', attempt = j.attempt + 1, due_at = now() + $6::interval
from chosen, receiver.events e
where j.id = chosen.id and e.id = j.event
returning
    j.id as job, j.attempt, j.uncounted, j.is_replay, j.handler, e.source, e.api_url, e.account, e.event_id,
    e.transcription_id, e.origin, e.raw, j.idempotency_key as kept_key, j.traceparent,
    chosen.due_at, now() as claimed_at
