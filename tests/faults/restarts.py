"""Deliver while web server and worker are restarted, and judge afterwards what was answered against what is stored.

Half of the deliveries come on connections of their own, half on a few that are kept and used again at random moments,
by a client that does what every client does (it opens a connection anew that its server has closed) and no more: what
fails is counted, and then delivered again as the provider would.
"""

import http.client
import os
import random
import select
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.processes import Process, Processes, completed, sign, until

PATH = "/webhooks/transcribe-so"
A_SECOND = 20
KEPT = 20
LANES = 100  # more than can wait at once, so that nobody waits for a lane
SILENCE_SECONDS = 10.0  # the provider waits no longer

EFFECTS = """
from receiver import Context, Event, handler


@handler("transcription.completed")
async def effects(event: Event, ctx: Context) -> None:
    async with ctx.completing() as tx:
        await tx.execute("insert into effects (event) values ($1)", event.id)
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen.

    Attributes:
        refused: connections that nobody took.
        cut: deliveries whose connection ended, or stayed silent for 10 s, before the answer.
        not_2xx: answers that were no success.
    """

    delivered: int
    refused: int
    cut: int
    not_2xx: int
    slowest_seconds: float
    stored: int
    doubled: int


class Client:
    """Delivers events to a port, with numbers from `first` on, and counts what goes wrong."""

    def __init__(self, port: int, *, first: int = 0) -> None:
        self.wrong: Counter[str] = Counter()
        self.slowest_seconds = 0.0
        self._port, self._first = port, first
        self._is_given_up = False
        self._chance = random.Random(port)  # noqa: S311 - it picks a connection
        self._kept = [self._new() for _ in range(KEPT)]

    def deliver(self, number: int) -> None:
        """Deliver an event until it is answered 2xx, or all is given up."""
        body, asked = completed(f"evt_{number}"), time.monotonic()
        wrong: str | None = ""
        while wrong is not None and not self._is_given_up:
            with self._connection(keep=bool(number % 2)) as connection:
                wrong = _wrong(connection, body)
            if wrong is not None:
                self.wrong[wrong] += 1
        self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - asked)

    def while_doing(self, work: Callable[[], None]) -> int:
        """Deliver at an even pace until `work` is done; returns how many."""
        over, began = threading.Event(), time.monotonic()

        def pace() -> "list[Future[None]]":
            begun: list[Future[None]] = []
            while not over.wait(max(0.0, began + len(begun) / A_SECOND - time.monotonic())):
                begun.append(pool.submit(self.deliver, self._first + len(begun)))
            return begun

        with ThreadPoolExecutor(LANES) as pool:
            pacing = pool.submit(pace)
            try:
                work()
            except BaseException:
                self._is_given_up = True  # nobody might answer any more
                raise
            finally:
                over.set()
            for one in pacing.result():
                one.result()
        for connection in self._kept:
            connection.close()
        return len(pacing.result())

    @contextmanager
    def _connection(self, *, keep: bool) -> Iterator[http.client.HTTPConnection]:
        """Yield a kept connection that nobody else uses now, or a new one."""
        idle = self._kept if keep and self._kept else [self._new()]
        connection = idle.pop(self._chance.randrange(len(idle)))
        try:
            yield connection
        finally:
            if keep:
                self._kept.append(connection)
            else:
                connection.close()

    def _new(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=SILENCE_SECONDS)


def _wrong(connection: http.client.HTTPConnection, body: bytes) -> str | None:
    """Deliver a body; returns what went wrong."""
    if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
        connection.close()  # by its server; the next request opens it anew
    try:
        connection.request("POST", PATH, body, sign(body))
        answer = connection.getresponse()
        answer.read()
    except ConnectionRefusedError:
        connection.close()
        return "refused"
    except (OSError, http.client.HTTPException):
        connection.close()
        return "cut"
    return None if answer.status < 300 else "not 2xx"


def through(processes: Processes, process: Process, restarts: Callable[[], None], *, before: int = 0) -> Outcome:
    """Deliver to an `up` during its restarts, wait for all that was delivered, and judge.

    `before` is how many events were delivered before.
    """
    client = Client(int(processes.environment["PORT"]), first=before)
    delivered = client.while_doing(restarts)
    until(lambda: processes.unfinished() == 0, "every job has ended")
    stored = processes.sql("select count(*) as n, count(distinct event_id) as events from receiver.events")[0]
    effects = processes.sql("select count(*) as n, count(distinct event) as events from effects")[0]
    assert process.popen.poll() is None
    assert effects["events"] == stored["events"]
    return Outcome(
        delivered=delivered, refused=client.wrong["refused"], cut=client.wrong["cut"],
        not_2xx=client.wrong["not 2xx"], slowest_seconds=round(client.slowest_seconds, 2),
        stored=stored["events"] - before,
        doubled=stored["n"] - stored["events"] + effects["n"] - effects["events"],
    )  # fmt: skip


def restart(process: Process, number: int, *, workers: int = 1) -> None:
    """Send SIGHUP and wait until the `number`-th restart of all processes is through."""
    process.popen.send_signal(signal.SIGHUP)
    until(lambda: said(process, "restart work") == number * workers, f"restart {number}")


def restart_often(process: Process, times: int, *, workers: int = 1) -> None:
    """Restart so often, each time when the last restart is through."""
    for number in range(1, times + 1):
        restart(process, number, workers=workers)


def kill(process: Process, times: int, *, apart_seconds: float, of: int = 1) -> None:
    """Kill the oldest of so many web processes so often."""
    for number in range(of, of + times):
        with suppress(ProcessLookupError):
            os.kill(of_command(process, "serve")[0], signal.SIGKILL)
        until(lambda number=number: process.log.count("listening on") == number + 1, "a new one")  # type: ignore[misc]
        time.sleep(apart_seconds)


def said(process: Process, words: str) -> int:
    """Return how often `up` has said something."""
    return process.out.read_text().count(words)


def children(process: Process) -> dict[int, bytes]:
    """Return the processes that a process has started, with their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == process.popen.pid:
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
    return found


def of_command(process: Process, name: str) -> list[int]:
    """Return the processes of `up` that run a command, oldest first."""
    return sorted(pid for pid, line in children(process).items() if f"\0{name}\0".encode() in line)
