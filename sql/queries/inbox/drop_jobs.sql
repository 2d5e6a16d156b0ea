-- Drop jobs that are still as they were seen, and note who did it and why; return those dropped.
-- $1 jobs bigint[], $2 attempts integer[], $3 states text[], $4 dropped_by text, $5 reason text
--
-- A job that runs, or was replayed since, is left alone. The rows are locked by id, as a bulk replay locks them.
with seen as (
    select * from unnest($1::bigint[], $2::integer[], $3::text[]) as seen (job, attempt, state)
), ours as materialized (
    select seen.job
    from (select * from seen order by job) as seen
    cross join lateral (
        select
        from receiver.jobs j
        where j.id = seen.job and j.attempt = seen.attempt and j.state::text = seen.state
            and j.state::text in ('dead', 'pending')
        for update
    ) as j
), noted as (
    insert into receiver.drops as d (job, dropped_by, reason)
    select job, $4, $5 from ours
    on conflict (job) do update set dropped_at = now(), dropped_by = excluded.dropped_by, reason = excluded.reason
)
update receiver.jobs j
set state = 'dropped', due_at = now()
from ours
where j.id = ours.job and ours.job > 0
returning j.id
