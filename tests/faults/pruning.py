"""A prune dies at one of its batches: what is gone is wholly gone, what stays is whole, and the next run goes on."""

from typing import TYPE_CHECKING

from receiver.failpoints import Failpoint
from tests.inbox.ageing import READ

if TYPE_CHECKING:
    from tests.faults.scenarios import Stage

A_BATCH = 1000
# In turn: gone; gone, with two jobs; loses its body; stays, because a job of it is dead.
OLD = """
with event as (
    insert into receiver.events (
        source, event_id, api_url, account, type, raw, secret_fingerprint, origin, received_at, last_delivered_at
    )
    select
        'transcribe.so', 'evt_old_' || n, 'http://127.0.0.1:1', 'old', 'a.b', '{{}}', '', 'callback', came, came
    from generate_series(1, {number}) n
    cross join lateral (select now() - case when n % 4 = 2 then 10 else 100 end * interval '1 day' as came) at
    returning id, event_id, received_at, source, api_url, account
), job as (
    insert into receiver.jobs (event, handler, state, attempt, due_at, source, api_url, account)
    select
        id, handler, case when number % 4 = 3 then 'dead' else 'done' end::receiver.job_state, 1, received_at,
        source, api_url, account
    from (select *, substr(event_id, 9)::integer as number from event) as event
    cross join unnest(array['write', 'tell_only']) as handler
    where number % 4 <> 0 or handler = 'write'
    returning id
)
insert into receiver.attempts (job, attempt, outcome) select id, 1, 'done' from job
"""
COUNTED = """
select
    count(*) filter (where number % 4 in (0, 1)) as going, count(*) filter (where number % 4 = 2) as recent,
    count(*) filter (where pruned_at is not null) as pruned, count(*) filter (where number % 4 = 3) as dead,
    coalesce(sum(jobs) filter (where number % 4 = 3), 0)::integer as dead_jobs,
    bool_and(attempts = jobs and jobs = case
        when pruned_at is not null then 0 when number % 4 = 0 then 1 else 2
    end and (pruned_at is null) = (raw = '{}')) as all_are_whole,
    (select min(reconcile_from) > now() - interval '31 days' from receiver.reconciliations) as is_moved
from (
    select
        substr(e.event_id, 9)::integer as number, e.pruned_at, e.raw, count(distinct j.id) as jobs,
        count(a.job) as attempts
    from receiver.events e
    left join receiver.jobs j on j.event = e.id
    left join receiver.attempts a on a.job = j.id
    where e.account = 'old'
    group by e.id
) as one
"""
RECONCILED = """
insert into receiver.reconciliations (source, api_url, account, reconcile_from, watermark)
values ('transcribe.so', 'http://127.0.0.1:1', 'old', '-infinity', now())
on conflict (source, api_url, account) do update set reconcile_from = '-infinity'
"""


def pruning(stage: "Stage", point: Failpoint, nth: int) -> None:
    """A prune dies before or after the commit of one of its batches: the command, or a worker that prunes every day."""
    quarter = nth * A_BATCH // 4
    stage.web()
    stage.processes.sql(OLD.format(number=4 * quarter))
    stage.processes.sql(READ)
    stage.processes.sql(RECONCILED)
    by_command, by_worker = ("prune", "--older-than", "3d", "--yes"), {"RECEIVER_PRUNE_DAYS": "3"}
    armed = {"RECEIVER_FAILPOINT": f"{point}:{nth}"}
    if nth % 2:
        stage.dies(stage.processes.start(*by_command, **armed), point)
    else:
        stage.processes.sql("update receiver.retention set pruned_at = null")
        stage.dies(stage.processes.start("work", **by_worker, **armed), point)
    (seen,) = stage.processes.sql(COUNTED)
    assert (seen["dead"], seen["dead_jobs"], seen["recent"]) == (quarter, 2 * quarter, quarter)
    assert seen["all_are_whole"]
    assert seen["is_moved"]
    assert (seen["going"] == 2 * quarter) == (nth == 1 and point is Failpoint.BEFORE_PRUNED)
    if nth % 2:
        ran = stage.processes.run(*by_command)
        assert (
            ran.stdout
            == f"pruned {seen['going']:,} events, the bodies and jobs of {quarter - seen['pruned']:,} events\n"
        )
    else:
        worker = stage.processes.start("work", **by_worker)
        worker.until_logged(f"pruned {seen['going']:,} events")
        worker.kill()
    (left,) = stage.processes.sql(COUNTED)
    assert (left["going"], left["pruned"], left["dead_jobs"]) == (0, quarter, 2 * quarter)
    assert left["all_are_whole"]
    stage.processes.sql("delete from receiver.events where account = 'old'")
