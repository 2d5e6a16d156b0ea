"""Workers that a handler blocks, and workers that wake after their leases were lost."""

import os
import signal
from collections import Counter
from dataclasses import dataclass, field

from tests.processes import Process, Processes, completed, until

CULPRIT = '''"""A handler that does harm at one event and its duty at the others."""

import os
import re
import time
from datetime import timedelta

from receiver import Context, Event, RetryPolicy, handler

AT_ONCE = RetryPolicy(attempts=2, first=timedelta(0), limit=timedelta(0))


@handler("transcription.completed", retry=AT_ONCE)
async def among(event: Event, ctx: Context) -> None:
    """Write one row for every event but the one."""
    if event.id == "evt_culprit":
        {harm}
    async with ctx.completing() as tx:
        await tx.execute("insert into public.effects values ($1, $2)", event.id, ctx.attempt)
'''

FENCED = '''"""A handler that lets nobody stop it, and completes when a file is there."""

import asyncio
from pathlib import Path

from receiver import Context, Event, LeaseLostError, handler


@handler("transcription.completed", timeout=600)
async def fenced(event: Event, ctx: Context) -> None:
    """Complete, and note in a file whether that was refused."""
    while not Path("gate").exists():
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            pass
    said = "completed"
    try:
        async with ctx.completing() as tx:
            await tx.execute("insert into public.effects values ($1, $2)", event.id, ctx.attempt)
    except LeaseLostError:
        said = "refused"
    with open("said", "a") as file:
        file.write(f"{said} {ctx.attempt}\\n")
'''


@dataclass(frozen=True, slots=True)
class Among:
    """How the neighbours of a harmful job fared, what became of it, and how many workers it cost."""

    done_once: int
    latest_attempt: int
    culprit: str
    replaced: int


@dataclass(frozen=True, slots=True)
class Woken:
    """What those could write that woke too late, and how many effects there are in all."""

    refused: int
    completed: int
    effects: int
    woken: list[Process] = field(compare=False)


def prepare(processes: Processes, handlers: str, events: list[str]) -> None:
    """Store events for a handler, with a table for its effects that would show a doubled one."""
    processes.write_handlers(handlers=handlers)
    assert processes.run("migrate").returncode == 0
    processes.sql("create table public.effects (event text, attempt integer)")
    web = processes.serve()
    for event in events:
        assert web.deliver(completed(event)).status_code == 200
    web.end()


def blocked_among(processes: Processes, neighbours: int) -> Among:
    """Block a worker's loop for good."""
    return _among(processes, neighbours, "time.sleep(3600)", status=1, said="a handler has blocked this worker")


def killing_among(processes: Processes, neighbours: int) -> Among:
    """Kill a worker."""
    return _among(processes, neighbours, "os.kill(os.getpid(), 9)", status=-9, said="working with")


def seized(processes: Processes) -> Among:
    """Keep the interpreter from every other thread, the one that renews included."""
    harm = 're.match(r"(a+)+$", "a" * 60 + "b")'
    return _among(processes, 10, harm, status=1, said="Timeout (0:01:02)!")


def _among(processes: Processes, neighbours: int, harm: str, *, status: int, said: str) -> Among:
    """Run one job that does harm among others, with a worker that is started again whenever it ends."""
    events = [f"evt_{number}" for number in range(neighbours)]
    handlers = CULPRIT.replace("{harm}", harm)
    prepare(processes, handlers, [*events[: neighbours // 2], "evt_culprit", *events[neighbours // 2 :]])
    workers: list[Process] = []

    def settled() -> bool:
        if not workers or workers[-1].popen.poll() is not None:
            assert len(workers) < 20, "a worker that ends over and over"
            workers.append(processes.start("work", RECEIVER_LEASE_SECONDS="2"))
        return processes.unfinished() == 0

    until(settled, "every job has ended", 280)
    assert workers[-1].end() == 0
    assert {worker.popen.returncode for worker in workers[:-1]} == {status}
    assert all(said in worker.log for worker in workers[:-1])
    effects = Counter(row["event"] for row in processes.sql("select event from public.effects"))
    jobs = {event["id"]: event["jobs"][0] for event in processes.events()}
    return Among(
        done_once=sum(jobs[event]["state"] == "done" and effects[event] == 1 for event in events),
        latest_attempt=max(jobs[event]["attempt"] for event in events),
        culprit=jobs["evt_culprit"]["state"],
        replaced=len(workers) - 1,
    )


def zombies(processes: Processes, *, workers: int, lanes: int) -> Woken:
    """Stop workers that hold jobs, let another do these, and wake them for their own completions."""
    count = workers * lanes
    prepare(processes, FENCED, [f"evt_{number}" for number in range(count)])
    own = {"RECEIVER_LEASE_SECONDS": "2", "RECEIVER_LANES": str(lanes)}
    sleepers = [processes.start("work", **own) for _ in range(workers)]
    running = "select count(*) as n from receiver.jobs where state = 'running'"
    until(lambda: processes.sql(running)[0]["n"] == count, "every job is held")
    for sleeper in sleepers:
        os.kill(sleeper.popen.pid, signal.SIGSTOP)
    (processes.folder / "gate").touch()
    other = processes.start("work")
    until(lambda: processes.unfinished() == 0, "another has done them", 60)
    other.end()
    said = processes.folder / "said"
    for sleeper in sleepers:
        os.kill(sleeper.popen.pid, signal.SIGCONT)
    until(lambda: len(said.read_text().splitlines()) == 2 * count, "the sleepers have tried")
    found = Counter(said.read_text().split()[0::2])
    first = Counter(line for line in said.read_text().splitlines() if line.endswith(" 1"))
    effects = processes.sql("select count(*) as n from public.effects")[0]["n"]
    assert found["completed"] == count
    return Woken(first["refused 1"], first["completed 1"], effects, sleepers)
