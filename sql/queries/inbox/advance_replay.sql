-- Move the next $1 jobs of one running bulk replay, of which fewer than $2 wait, and count them; return how far it is.
-- $1 limit bigint, $2 enough bigint
--
--     the replay that was advanced longest ago; one that another process advances now is skipped
--        ▼
--     its next jobs, by id, are taken off its list
--        │ dead, and not claimed since the replay began ──▶ pending with all their tries, as replays of this one
--        │ anything else ──▶ left alone, and counted as passed
--        ▼
--     counted; done when nothing is left on the list
--
-- All of this is one statement, so a process that dies in it has moved and counted nothing. The statement sees the list
-- as it was when it began: what another process has taken off meanwhile is not deleted again, and so not counted.
-- Rows are looked up by their places and ids: a join may be planned to read whole tables.
with replay as materialized (
    select r.id
    from receiver.replays r
    where r.state = 'running' and (
        select count(*)
        from (select from receiver.jobs j where j.replay = r.id and j.state = 'pending' limit $2) as waiting
    ) < $2
    order by r.advanced_at nulls first, r.id
    limit 1
    for update skip locked
), next as materialized (
    select m.ctid as place, m.job
    from replay
    cross join lateral (
        select m.ctid, m.job from receiver.replay_jobs m where m.replay = replay.id order by m.job limit $1
    ) as m
), taken as (
    delete from receiver.replay_jobs m where m.ctid = any (array(select place from next)) returning m.job, m.attempt
), dead as materialized (
    select taken.job
    from (select * from taken order by job) as taken
    cross join lateral (
        select
        from receiver.jobs j
        where j.id = taken.job and j.attempt = taken.attempt and j.state::text = 'dead'
        for update
    ) as j
), moved as (
    update receiver.jobs j
    set state = 'pending', due_at = now(), uncounted = j.attempt, is_replay = true, error = null,
        waiting_since = null, replay = (select id from replay)
    where j.id = any (array(select job from dead))
    returning j.id
), counted as materialized (
    select
        (select count(*) from taken) as taken, (select count(*) from moved) as moved,
        (
            select m.job
            from receiver.replay_jobs m
            where m.replay = (select id from replay) and m.job > (select max(job) from next)
            order by m.replay, m.job
            limit 1
        ) is not null as has_more
)
update receiver.replays r
set done = r.done + counted.moved, passed = r.passed + counted.taken - counted.moved, advanced_at = now(),
    state = case when counted.has_more then 'running' else 'done' end,
    ended_at = case when counted.has_more then null else now() end
from replay, counted
where r.id = replay.id
returning r.id, counted.moved, r.state, r.done, r.passed, r.total
