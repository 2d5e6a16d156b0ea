"""Fifty thousand dead jobs: one cause of them is replayed beside live deliveries, cancelled, and gone on with."""

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import quantiles
from threading import Event
from typing import Any

from receiver.inbox.replays import ENOUGH
from tests.inbox.dying import fill
from tests.processes import Processes, Web, completed, until

API = "https://api.test"
HANDLER = """
import asyncio
import os
import time

from receiver import Context, Event, handler


@handler("transcription.completed")
async def crm(event: Event, ctx: Context) -> None:
    while event.id.startswith("mended") and os.path.exists("hold"):
        await asyncio.sleep(0.05)
    began = time.time()
    async with ctx.completing() as tx:
        await tx.execute("insert into public.told (event, began) values ($1, to_timestamp($2))", event.id, began)
"""
TABLE = "create table public.told (event text, began timestamptz)"
DOUBLED = "select count(*) from (select from public.told group by event having count(*) > 1) as doubled"
WAITED = """
    select extract(epoch from t.began - e.received_at)::float8 as seconds
    from public.told t join receiver.events e on e.event_id = t.event
    where t.event like '{}%'
"""
TOLD = "select count(*) from public.told where event like '{}%'"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen.

    Attributes:
        groups: the sizes of the groups of dead jobs.
        group_seconds: how long `receiver dead --json` took.
        cancelled_at: how many jobs had been moved when the replay was cancelled.
        told_then: how many of its jobs had run once those were over.
        replayed: how many of its jobs have run in the end.
        left: how many dead jobs are left.
        doubled: how many events were told twice.
        lost: how many deliveries were answered 2xx and never told.
        alone, beside: the seconds from each delivery to its handler, without and with the replay.
    """

    groups: Sequence[int]
    group_seconds: float
    cancelled_at: int
    told_then: int
    replayed: int
    left: int
    doubled: int
    lost: int
    alone: Sequence[float]
    beside: Sequence[float]

    def said(self) -> str:
        """Return it as lines."""
        alone, beside = map(_percentiles, (self.alone, self.beside))
        return (
            f"{sum(self.groups)} dead jobs in {len(self.groups)} groups: {self.group_seconds:.2f} s\n"
            f"cancelled after {self.cancelled_at}, of which {self.told_then} ran; {self.replayed} ran in the end, "
            f"{self.left} are left\n"
            f"doubled {self.doubled}, lost {self.lost} of {len(self.alone) + len(self.beside)} deliveries\n"
            f"delivery to handler, ms       p50     p99\n"
            f"  without the replay      {alone[0]:>7.1f} {alone[1]:>7.1f}\n"
            f"  beside the replay       {beside[0]:>7.1f} {beside[1]:>7.1f}   {beside[1] / alone[1]:.2f} times"
        )


def replayed(processes: Processes, *, dead: int, replay: int, rate: float, alone_seconds: float) -> Seen:
    """Make dead jobs of three causes, and replay those of one beside deliveries."""
    processes.write_handlers(telling=HANDLER)
    processes.environment |= {"TRANSCRIBE_API_URL": API, "TRANSCRIBE_API_KEY": "tsk_1"}
    processes.sql(TABLE)
    rest = (dead - replay) // 2
    fill(processes, "mended", replay, error="the CRM refuses {}")
    fill(processes, "odd", rest, error="no customer for {}\nsecond line")
    fill(processes, "other", dead - replay - rest, error="GET https://crm.test answered 410")
    processes.sql("analyze")
    hold = processes.folder / "hold"
    web, _ = processes.serve(), processes.start("work")
    began = time.monotonic()
    groups = json.loads(processes.run_inside("dead", "--json").stdout)["dead"]
    group_seconds = time.monotonic() - began
    with _delivering(web, "first", rate):  # what is done once only, such as opening connections
        until(lambda: _count(processes, TOLD.format("first")) >= rate, "a second's deliveries are told")
    with _delivering(web, "alone", rate):
        time.sleep(alone_seconds)
    with _delivering(web, "beside", rate) as sent:
        half = replay // 2
        if half <= ENOUGH:  # so many wait at most, and all of them might have run before it is cancelled
            hold.touch()
        command = processes.start("replay", "--dead", "--error", "the CRM refuses #", "--yes")
        row = until(lambda: _row(processes) and _row(processes)["done"] >= half and _row(processes), "half")
        hold.touch()
        assert processes.run("replays", "--cancel", str(row["id"])).returncode == 0
        hold.unlink()
        assert command.popen.wait(60) == 0, command.log
        cancelled_at = _row(processes)["done"]
        until(lambda: _count(processes, TOLD.format("mended")) >= cancelled_at, "what was moved has run")
        told_then = _count(processes, TOLD.format("mended"))
        assert processes.run("replays", "--resume", str(row["id"])).returncode == 0
        until(lambda: _row(processes)["state"] == "done", "it is done", seconds=600)
        until(lambda: _count(processes, TOLD.format("mended")) >= replay, "all of it has run", seconds=600)
    until(lambda: processes.unfinished() == 0, "every job has ended")
    return Seen(
        [group["count"] for group in groups], group_seconds, cancelled_at, told_then,
        _count(processes, TOLD.format("mended")),
        _count(processes, "select count(*) from receiver.jobs where state = 'dead'"),
        _count(processes, DOUBLED), len(sent) - _count(processes, TOLD.format("beside")),
        *([row["seconds"] for row in processes.sql(WAITED.format(name))] for name in ("alone", "beside")),
    )  # fmt: skip


@contextmanager
def _delivering(web: Web, name: str, rate: float) -> Iterator[list[str]]:
    """Deliver events at a rate; yield those that were answered 2xx, which are all when the context ends."""
    sent, stop = list[str](), Event()

    def deliver() -> None:
        began = time.monotonic()
        for number in range(1_000_000):
            if stop.wait(max(0.0, began + number / rate - time.monotonic())):
                return
            event = f"{name}_{number}"
            if web.deliver(completed(event)).status_code == 200:
                sent.append(event)

    with ThreadPoolExecutor(1) as pool:
        delivering = pool.submit(deliver)
        try:
            yield sent
        finally:
            stop.set()
            delivering.result()


def _row(processes: Processes) -> Any:
    rows = processes.sql("select id, done, state from receiver.replays")
    return rows[0] if rows else None


def _count(processes: Processes, statement: str) -> int:
    return int(processes.sql(statement)[0]["count"])


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile, in milliseconds."""
    cuts = quantiles(seconds, n=100)
    return cuts[49] * 1000, cuts[98] * 1000
