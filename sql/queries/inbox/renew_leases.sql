-- Extend leases from now; skip locked rows, which are being completed; return those that are no longer ours.
-- $1 jobs bigint[], $2 attempts integer[], $3 lease interval
--
-- The state is compared as text: see settle_jobs.sql.
with held as (
    select job, attempt from unnest($1::bigint[], $2::integer[]) as held (job, attempt)
), ours as (
    select held.job as id
    from (select * from held order by job) as held
    cross join lateral (
        select
        from receiver.jobs j
        where j.id = held.job and j.attempt = held.attempt and j.state::text = 'running'
        for update skip locked
    ) as j
), renewed as (
    update receiver.jobs j
    set due_at = now() + $3::interval
    from ours
    where j.id = ours.id
)
select held.job, held.attempt
from held
where (
    select j.state::text = 'running' from receiver.jobs j where j.id = held.job and j.attempt = held.attempt
) is not true
