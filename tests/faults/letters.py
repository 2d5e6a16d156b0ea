"""Many dead jobs: one cause of them is replayed beside live deliveries, cancelled, and gone on with.

By commands, or from the pages of a console: `python -m tests.faults.letters [DEAD] [REPLAYED]` does that, and prints
what it has measured.
"""

import json
import re
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import quantiles
from threading import Event
from typing import Any, Protocol

import httpx

from receiver.inbox.replays import ENOUGH
from tests.benchmarks.stage import stage
from tests.inbox.dying import fill
from tests.processes import Process, Processes, Web, completed, free_port, open_folder, until

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
CAUSE = "the CRM refuses #"
TOKEN = "a_token_of_the_operator"
FIELD = re.compile('name="(said|limit)"[^>]* value="([0-9]+)"')
PROGRESS = re.compile('<progress id="moved" max="([0-9]+)" value="([0-9]+)">')
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
        shown: how many jobs its page has shown as moved, each time that it was asked for; none by commands.
        page_seconds: how long each page took.
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
    shown: Sequence[int]
    page_seconds: Sequence[float]

    def said(self) -> str:
        """Return it as lines."""
        alone, beside = map(_percentiles, (self.alone, self.beside))
        if self.page_seconds:
            pages = _percentiles(self.page_seconds)
            paged = (
                f"\n{len(self.page_seconds)} pages, ms            {pages[0]:>7.1f} {pages[1]:>7.1f}"
                f"\nprogress was shown {len(self.shown)} times, with {len(set(self.shown))} different numbers"
            )
        else:
            paged = ""
        return (
            f"{sum(self.groups)} dead jobs in {len(self.groups)} groups: {self.group_seconds:.2f} s\n"
            f"cancelled after {self.cancelled_at}, of which {self.told_then} ran; {self.replayed} ran in the end, "
            f"{self.left} are left\n"
            f"doubled {self.doubled}, lost {self.lost} of {len(self.alone) + len(self.beside)} deliveries\n"
            f"delivery to handler, ms       p50     p99\n"
            f"  without the replay      {alone[0]:>7.1f} {alone[1]:>7.1f}\n"
            f"  beside the replay       {beside[0]:>7.1f} {beside[1]:>7.1f}   {beside[1] / alone[1]:.2f} times{paged}"
        )


class Hand(Protocol):
    """Who steers the bulk replay.

    Attributes:
        shown, page_seconds: those of `Seen`.
    """

    shown: list[int]
    page_seconds: list[float]

    def begin(self) -> None:
        """Begin it."""

    def moved(self) -> int:
        """Return how many jobs it has moved."""

    def cancel(self) -> None:
        """Cancel it."""

    def resume(self) -> None:
        """Let it go on."""


class Commands:
    """Somebody with a command line."""

    command: Process

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self.shown, self.page_seconds = list[int](), list[float]()

    def begin(self) -> None:
        self.command = self._processes.start("replay", "--dead", "--error", CAUSE, "--yes")

    def moved(self) -> int:
        row = _row(self._processes)
        return row["done"] if row else 0

    def cancel(self) -> None:
        assert self._processes.run("replays", "--cancel", "1").returncode == 0
        assert self.command.popen.wait(60) == 0, self.command.log

    def resume(self) -> None:
        assert self._processes.run("replays", "--resume", "1").returncode == 0


class Pages:
    """Somebody with a browser before a console."""

    def __init__(self, processes: Processes, replay: int) -> None:
        self._replay, port = replay, free_port()
        console = processes.start("console", RECEIVER_CONSOLE=f"127.0.0.1:{port}", RECEIVER_CONSOLE_TOKEN=TOKEN)
        console.until_logged("the console is at")
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Sec-Fetch-Site": "same-origin"}, timeout=60
        )
        assert self._http.post("/sign-in", data={"token": TOKEN}).is_redirect
        self.shown, self.page_seconds = list[int](), list[float]()

    def begin(self) -> None:
        form = dict(FIELD.findall(self._page("/dead/replay", error=CAUSE)))
        assert form == {"said": str(self._replay), "limit": str(self._replay)}
        self._post("/dead/replay", error=CAUSE, **form)

    def moved(self) -> int:
        found = PROGRESS.search(self._page("/replays/1"))
        assert found is not None
        assert int(found[1]) == self._replay
        self.shown.append(int(found[2]))
        return self.shown[-1]

    def cancel(self) -> None:
        self._post("/replays/1/cancel")

    def resume(self) -> None:
        self._post("/replays/1/resume")

    def _page(self, path: str, **fields: str) -> str:
        began = time.monotonic()
        answer = self._http.get(path, params=fields)
        self.page_seconds.append(time.monotonic() - began)
        assert answer.status_code == 200, answer.text
        return answer.text

    def _post(self, path: str, **fields: str) -> None:
        answer = self._http.post(path, data=fields)
        assert (answer.status_code, answer.headers.get("location")) == (303, "/replays/1"), answer.text


def replayed(
    processes: Processes, *, dead: int, replay: int, rate: float, alone_seconds: float, by_page: bool = False
) -> Seen:
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
    hand: Hand = Pages(processes, replay) if by_page else Commands(processes)
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
        hand.begin()
        until(lambda: hand.moved() >= half, "half", seconds=600)
        hold.touch()
        hand.cancel()
        hold.unlink()
        cancelled_at = _row(processes)["done"]
        until(lambda: _count(processes, TOLD.format("mended")) >= cancelled_at, "what was moved has run")
        told_then = _count(processes, TOLD.format("mended"))
        hand.resume()
        until(lambda: hand.moved() == replay and _row(processes)["state"] == "done", "it is done", seconds=600)
        until(lambda: _count(processes, TOLD.format("mended")) >= replay, "all of it has run", seconds=600)
    until(lambda: processes.unfinished() == 0, "every job has ended")
    return Seen(
        [group["count"] for group in groups], group_seconds, cancelled_at, told_then,
        _count(processes, TOLD.format("mended")),
        _count(processes, "select count(*) from receiver.jobs where state = 'dead'"),
        _count(processes, DOUBLED), len(sent) - _count(processes, TOLD.format("beside")),
        _waited(processes, "alone"), _waited(processes, "beside"), hand.shown, hand.page_seconds,
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


def _waited(processes: Processes, name: str) -> list[float]:
    return [row["seconds"] for row in processes.sql(WAITED.format(name))]


def _count(processes: Processes, statement: str) -> int:
    return int(processes.sql(statement)[0]["count"])


def _percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """Return the 50th and the 99th percentile, in milliseconds."""
    cuts = quantiles(seconds, n=100)
    return cuts[49] * 1000, cuts[98] * 1000


def main(dead: int, replay: int) -> None:
    """Replay from the pages, and print what was measured."""
    with stage(print) as where, open_folder() as folder, Processes(folder) as processes:
        processes.environment["DATABASE_URL"] = where.database("letters")
        assert processes.run("migrate").returncode == 0
        seen = replayed(processes, dead=dead, replay=replay, rate=20, alone_seconds=30, by_page=True)
    sys.stdout.write(f"{seen.said()}\n")
    assert (seen.replayed, seen.left, seen.told_then) == (replay, dead - replay, seen.cancelled_at)
    assert (seen.doubled, seen.lost) == (0, 0)


if __name__ == "__main__":
    main(*[int(number) for number in sys.argv[1:3]] or (50_000, 20_000))
