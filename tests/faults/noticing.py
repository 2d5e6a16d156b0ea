"""A worker dies while it writes notices of dead jobs: each is written once, whoever dies.

And a worker of `up --sandbox` dies over notices of dead jobs and of costs that people want to be told of.
"""

import re
from typing import TYPE_CHECKING

from receiver.failpoints import Failpoint
from tests.processes import until

if TYPE_CHECKING:
    from tests.faults.peers import Telling
    from tests.faults.scenarios import Stage
    from tests.faults.switched import Machine

HANDLER = """
from receiver import Context, Event, handler

@handler("receiver.dead")
async def noticed(event: Event, ctx: Context) -> None:
    ctx.log.info("noticed")
"""
DEAD = """
insert into receiver.jobs (event, handler, source, api_url, account, state, due_at)
select e.id, 'gone-' || n, e.source, e.api_url, e.account, 'dead', now() - interval '40 s'
from (select * from receiver.events where origin = 'webhook' order by id limit 1) as e, generate_series(1, {number}) n
"""
BEGUN = "update receiver.noticed set died_at = now() - interval '1 min'"
COUNTED = """
select
    count(*) as notices,
    count(*) filter (where exists (select from receiver.jobs j where j.event = e.id and j.state = 'done')) as done
from receiver.events e
where origin = 'notice'
"""
FORGOTTEN = (
    "delete from receiver.jobs where handler like 'gone-%' or handler = 'noticed'",
    "delete from receiver.events where origin = 'notice'",
    "delete from receiver.notices",
)


def noticing(stage: "Stage", point: Failpoint, nth: int) -> None:
    """A worker dies before or after it commits the notices of dead jobs of several handlers; a fresh one goes on."""
    web = stage.web()
    assert stage.deliver(web)
    stage.end_worker()
    stage.processes.write_handlers(noticed=HANDLER)
    stage.processes.sql(DEAD.format(number=nth))
    stage.processes.sql(BEGUN)
    stage.dies(stage.processes.start("work", RECEIVER_FAILPOINT=f"{point}:1"), point)
    written = 0 if point is Failpoint.BEFORE_NOTICED else nth
    assert stage.processes.sql(COUNTED)[0]["notices"] == written
    worker = stage.processes.start("work")
    until(lambda: stage.processes.sql(COUNTED)[0]["done"] == nth, "all of them are written, and their jobs are done")
    assert stage.processes.sql(COUNTED)[0]["notices"] == nth
    worker.kill()
    (stage.processes.folder / "handlers" / "noticed.py").unlink()
    for statement in FORGOTTEN:
        stage.processes.sql(statement)


AMOUNT = 1000
PASSED = """
insert into receiver.charges (source, api_url, account, work, run, operation, amount, unit, known_by)
select source, api_url, account, 'work-{number}', 1, 'transcription', {amount}, 'USD', 'event'
from receiver.events where origin = 'webhook' order by id limit 1
"""
DIED = """
insert into receiver.jobs (event, handler, source, api_url, account, state, due_at)
select id, 'gone-{number}', source, api_url, account, 'dead', now() - interval '11 s'
from receiver.events where origin = 'webhook' order by id limit 1
"""
DUE = "update receiver.noticed set died_at = now() - interval '1 min', added_up_at = '-infinity'"
BURIED = "delete from receiver.jobs where handler like 'gone-%'"


def occasions(rounds: int) -> str:
    """Return what people want to be told of in so many rounds."""
    return ",".join(["dead", *(f"costs:{AMOUNT * number}" for number in range(1, rounds + 1))])


def telling(machine: "Machine", peer: "Telling", point: Failpoint, number: int) -> None:
    """A job is dead and costs pass an amount; a worker dies over it; people are told of both, under one id each."""
    machine.begin(point)
    for statement in (PASSED.format(number=number, amount=AMOUNT), DIED.format(number=number), DUE):
        machine.processes.sql(statement)
    wanted = {"Dead letters", f"Costs passed {AMOUNT * number:,} USD"}
    until(lambda: {got.json["title"] for got in peer.service.got} == wanted, "people are told", 120)
    machine.processes.sql(BURIED)
    machine.until_good(must_die=True)
    told = {
        (got.json["title"], *re.findall(r"evt_(?:dead|costs)_\w+", got.json["message"])) for got in peer.service.got
    }
    assert {title for title, *_ in told} == wanted
    assert [len(one) for one in told] == [2, 2], told
