"""Deliver through an outage of the database, and judge afterwards what the receiver said against what it has."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import asyncpg

from receiver.database.embedded import attach
from tests.processes import Processes, Web, completed, keepers, servers, until

LANES = 20
NOTICED = "deliveries go to the spool"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen: how many were not answered 2xx, the slowest answer, and how long after the end all was stored."""

    refused: int
    slowest_seconds: float
    stored_after_seconds: float
    stored: int
    doubled: int


def last(processes: Processes, seconds: float) -> None:
    """Wait for so long, and until the receiver has noticed: it waits two seconds for a database that is silent."""
    time.sleep(seconds)
    until(lambda: any(NOTICED in path.read_text() for path in processes.folder.glob("*.err")), "it is noticed")


def hang(processes: Processes, seconds: float) -> None:
    """Stop the database in mid-word, as SIGSTOP does, and let it go on."""
    pids = servers(processes.folder / ".receiver")
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        last(processes, seconds)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def stop(processes: Processes, seconds: float) -> None:
    """Kill the database, and keep its keeper from starting it again for so long."""
    with away(processes):
        last(processes, seconds)


@contextmanager
def away(processes: Processes) -> Iterator[None]:
    """Kill the database, and keep its keeper from starting it again while the context is open."""
    data = processes.folder / ".receiver"
    watching = keepers(data)
    try:
        for pid in watching:
            os.kill(pid, signal.SIGSTOP)
        for pid in servers(data):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        yield
    finally:
        for pid in watching:
            os.kill(pid, signal.SIGCONT)


def make_read_only(processes: Processes, seconds: float) -> None:
    """Let the database refuse every write for so long, as a standby does."""

    async def switch(url: str, to: str) -> None:
        connection = await asyncpg.connect(url, server_settings={"default_transaction_read_only": "off"})
        await connection.execute(f"alter system set default_transaction_read_only = {to}")
        await connection.execute("select pg_reload_conf()")
        await connection.close()

    with attach(processes.folder / ".receiver", create=False) as url:
        for to, pause in (("on", seconds), ("off", 0.0)):
            with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
                runner.run(switch(url, to))
            last(processes, pause)


Outage = Callable[[Processes, float], None]
OUTAGES: dict[str, Outage] = {"hung": hang, "stopped": stop, "read-only": make_read_only}


def through(processes: Processes, web: Web, outage: Outage, *, seconds: float, count: int) -> Outcome:
    """Deliver `count` events evenly from just before an outage of `seconds` to just after it, and judge the end."""
    began, lead = time.monotonic(), seconds / 10

    def break_it() -> None:
        time.sleep(lead)
        outage(processes, seconds)

    def deliver(number: int) -> tuple[int, float]:
        time.sleep(max(0.0, began + (seconds + 2 * lead) * number / count - time.monotonic()))
        asked = time.monotonic()
        return web.deliver(completed(f"evt_{number}")).status_code, time.monotonic() - asked

    with ThreadPoolExecutor(LANES + 1) as pool:
        breaking = pool.submit(break_it)
        answers = list(pool.map(deliver, range(count)))
        breaking.result()
    back = time.monotonic()
    until(lambda: processes.sql("select count(*) as n from receiver.events")[0]["n"] >= count, "all is stored", 60)
    stored = processes.sql("select count(*) as n, count(distinct event_id) as events from receiver.events")[0]
    return Outcome(
        refused=sum(status >= 300 for status, _ in answers),
        slowest_seconds=max(took for _, took in answers),
        stored_after_seconds=time.monotonic() - back,
        stored=stored["events"],
        doubled=stored["n"] - stored["events"],
    )
