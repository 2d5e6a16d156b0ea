-- Write outcomes, and what became of each attempt; say of each whether it was written, is locked, or is no longer ours.
-- $1 jobs bigint[], $2 attempts integer[], $3 states text[], $4 afters interval[], $5 errors text[], $6 uncounted integer[], $7 outcomes text[], $8 claimed_ats timestamptz[], $9 worker text
--
-- A row that another transaction has locked is skipped: the other outcomes do not wait for it.
-- Each row is looked up by its id. A join may be planned to read the whole table, if the plan was made while there were
-- few jobs; and with the state not as text, all of the index of running jobs, dead versions included. Every id and every
-- attempt is positive: these conditions only make the planner expect a single row to update, and look that up by its id.
-- The arrays are selected, so that the planner does not see how long they are: otherwise it makes a new plan each time.
with said as (
    select *
    from unnest(
        (select $1::bigint[]), (select $2::integer[]), (select $3::text[]), (select $4::interval[]),
        (select $5::text[]), (select $6::integer[]), (select $7::text[]), (select $8::timestamptz[])
    ) as said (job, attempt, state, after, error, uncounted, outcome, claimed_at)
), ours as materialized (
    select said.*
    from (select * from said order by job) as said
    cross join lateral (
        select
        from receiver.jobs j
        where j.id = said.job and j.attempt = said.attempt and j.state::text = 'running'
        for update skip locked
    ) as j
), written as (
    update receiver.jobs j
    set state = ours.state::receiver.job_state, due_at = now() + ours.after, error = ours.error, uncounted = j.uncounted + ours.uncounted,
        waiting_since = case when ours.outcome = 'later' then coalesce(j.waiting_since, now()) end
    from ours
    where j.id = ours.job and ours.job > 0 and ours.attempt > 0
    returning j.id, j.attempt
), recorded as (
    insert into receiver.attempts (job, attempt, worker, claimed_at, outcome, error)
    select job, attempt, $9, claimed_at, outcome, error from ours
    on conflict (job, attempt) do nothing
), forgotten as (
    -- The first row of a job and its last 200 are kept. An attempt that another statement wrote down has removed none,
    -- so up to a hundred are removed together.
    delete from receiver.attempts a
    using ours
    where a.job = ours.job and a.attempt between ours.attempt - 299 and ours.attempt - 200
        and a.attempt > 1 and ours.attempt > 201 and ours.job > 0
)
select
    said.job,
    said.attempt,
    case
        when written.id is not null then 'written'
        when (
            select j.state::text = 'running' from receiver.jobs j where j.id = said.job and j.attempt = said.attempt
        ) then 'locked'
        -- The same outcome was written before, and the answer was lost.
        when (
            select (a.worker, a.claimed_at, a.outcome) = ($9, said.claimed_at, said.outcome)
            from receiver.attempts a
            where a.job = said.job and a.attempt = said.attempt
        ) then 'written'
        else 'lost'
    end as result
from said
left join written on written.id = said.job and written.attempt = said.attempt
