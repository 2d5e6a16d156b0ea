"""Kill web processes, workers and the database at random under load, as a platform starts them again; judge the end."""

import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.faults.history import HANDLER, TABLE, History, Judgement, failures_in_a_row, judge, look
from tests.processes import SECRET, Process, Processes, Web, completed, free_port, keepers, servers, until

RATE = 20
REPEATED = 0.3
BETWEEN_KILLS_SECONDS = (1.0, 3.0)
BETWEEN_TRIES_SECONDS = (0.5, 1.5)  # as the provider, who tries three times, but sooner
RESTART_SECONDS = 0.2
AT_ONCE = 60
BETWEEN_LINES_SECONDS = 10.0
SETTLE_SECONDS = 120.0
LEAST_KILLS = 2
BUGS = r"a bug in receiver|Exception in (ASGI|callback|thread)|was never retrieved|<coroutine object .* ended"


@dataclass(frozen=True, slots=True)
class Run:
    """What was seen; `spooled` is how many deliveries came into the database by the spool."""

    deliveries: int
    events: int
    tries: int
    failed: int
    failed_in_a_row: int
    slowest_seconds: float
    kills: dict[str, int]
    ended_by_themselves: int
    settled_after_seconds: float
    spooled: int
    bugs: int
    judgement: Judgement


class Platform:
    """Two web processes and two workers on one data folder; whoever ends is started again on its port."""

    def __init__(self, processes: Processes, history: History, chance: random.Random) -> None:
        self._processes = processes
        self._history = history
        self._chance = chance
        self._data = processes.folder / ".receiver"
        self._ports = (free_port(), free_port())
        self.kills: Counter[str] = Counter()
        self.ended_by_themselves = 0
        self.webs = [processes.begin_serving(port) for port in self._ports]
        self.workers = [processes.start("work") for _ in self._ports]

    def until_ready(self) -> None:
        for web in self.webs:
            web.until_logged("listening on")

    def break_something(self) -> None:
        """Kill one of all that runs, as kill -9 does, and start again what the platform has to."""
        kinds: dict[str, Callable[[], None]] = {
            "web": lambda: self._kill(self.webs), "worker": lambda: self._kill(self.workers),
            "database": self._kill_database, "backend": self._kill_backend, "keeper": self._kill_keeper,
        }  # fmt: skip
        kind = self._chance.choices(list(kinds), weights=(4, 4, 3, 2, 1))[0]
        self._history.write("kill", of=kind)
        self.kills[kind] += 1
        kinds[kind]()

    def restart(self) -> None:
        """Start again what has ended by itself, which nothing should."""
        for found in (self.webs, self.workers):
            for number, process in enumerate(found):
                if process.popen.poll() is not None:
                    self.ended_by_themselves += 1
                    print(f"ended with {process.popen.returncode}: {process.log[-2000:]}", flush=True)  # noqa: T201
                    self._start(found, number)

    def _kill(self, found: "list[Web] | list[Process]") -> None:
        number = self._chance.randrange(len(found))
        if found is self.webs:  # one of the two is there at any time, or nobody could take a delivery
            self.webs[1 - number].until_logged("listening on")
        found[number].kill()
        time.sleep(self._chance.uniform(0, 2 * RESTART_SECONDS))
        self._start(found, number)

    def _start(self, found: "list[Web] | list[Process]", number: int) -> None:
        self._history.write("start")
        if found is self.webs:
            self.webs[number] = self._processes.begin_serving(self._ports[number])
        else:
            self.workers[number] = self._processes.start("work")

    def _kill_database(self) -> None:
        with suppress(OSError, IndexError, ValueError):  # it is starting just now
            _kill(int((self._data / "postgres" / "postmaster.pid").read_text().splitlines()[0]))

    def _kill_backend(self) -> None:
        """Kill one of the server's children, whereupon it starts all of them anew."""
        found = servers(self._data)
        if found:
            _kill(self._chance.choice(found))

    def _kill_keeper(self) -> None:
        for pid in keepers(self._data):
            _kill(pid)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Client:
    """Delivers as the provider does: again when it is not answered 2xx, and to whichever web process is next."""

    def __init__(self, webs: Sequence[Web], history: History, chance: random.Random) -> None:
        self._webs = webs
        self._history = history
        self._chance = chance
        self._events = 0

    def choose(self) -> str:
        """Return the id of a new event, or of a recent one."""
        if self._events and self._chance.random() < REPEATED:
            return f"evt_{self._chance.randrange(max(0, self._events - 50), self._events)}"
        self._events += 1
        return f"evt_{self._events - 1}"

    def deliver(self, number: int, event: str) -> None:
        body = completed(event)
        pauses = (*BETWEEN_TRIES_SECONDS, 0.0)
        for attempt, pause in enumerate(pauses):
            last = attempt == len(pauses) - 1
            if self._try(self._webs[(number + attempt) % len(self._webs)], event, body, last=last):
                return
            time.sleep(pause)

    def _try(self, web: Web, event: str, body: bytes, *, last: bool) -> bool:
        self._history.sent(event, body)
        began, status = time.monotonic(), None
        with suppress(httpx.TransportError):
            status = web.deliver(body).status_code
        self._history.answered(event, status, seconds=time.monotonic() - began, last=last)
        return status == 200


def stage(processes: Processes) -> History:
    """Prepare a data folder with its database and the handlers whose effects are judged."""
    history = History(processes.folder / "history.jsonl")
    processes.environment |= {"RECEIVER_LEASE_SECONDS": "2", "HISTORY": str(history.path)}
    processes.write_handlers(effects=HANDLER)
    assert processes.run("migrate").returncode == 0
    processes.sql(TABLE)
    return history


def through(processes: Processes, *, seconds: float, seed: int) -> Run:
    """Deliver for so long while things are killed at random; then let all of it settle, and judge."""
    history = stage(processes)
    platform = Platform(processes, history, random.Random(seed))  # noqa: S311 - what it kills is no secret
    client = Client(platform.webs, history, random.Random(-seed))  # noqa: S311 - the same
    platform.until_ready()
    over = threading.Event()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        watching = [
            pool.submit(_break_until, over, platform, random.Random(seed + 1)),  # noqa: S311 - the same
            pool.submit(_tell_until, over, platform, history),
            pool.submit(_watch_until, over, processes.folder / ".receiver", history),
        ]
        began = time.monotonic()
        delivered: list[Future[None]] = []
        while len(delivered) < RATE * seconds or (platform.kills.total() < LEAST_KILLS and not watching[0].done()):
            number = len(delivered)
            time.sleep(max(0.0, began + number / RATE - time.monotonic()))
            delivered.append(pool.submit(client.deliver, number, client.choose()))
        for one in delivered:
            one.result()
        over.set()
        for one in watching:
            one.result()
    return _settled(processes, platform, history, len(delivered))


def _settled(processes: Processes, platform: Platform, history: History, deliveries: int) -> Run:
    began = time.monotonic()
    spool = processes.folder / ".receiver" / "spool"
    until(lambda: not list(spool.glob("*.spool")), "the spool is drained", SETTLE_SECONDS)
    until(lambda: processes.unfinished() == 0, "every job has ended", SETTLE_SECONDS)
    settled = time.monotonic() - began
    platform.restart()
    lines = history.read()
    answers = [line for line in lines if line["what"] == "answered"]
    logs = "".join(path.read_text() for path in processes.folder.glob("*.err"))
    assert SECRET.decode() not in logs
    return Run(
        deliveries=deliveries,
        events=len({line["event"] for line in lines if line["what"] == "sent"}),
        tries=len(answers),
        failed=sum(line["last"] and line["status"] != 200 for line in answers),
        failed_in_a_row=failures_in_a_row(lines),
        slowest_seconds=max(line["seconds"] for line in answers if line["status"] == 200),
        kills=dict(platform.kills),
        ended_by_themselves=platform.ended_by_themselves,
        settled_after_seconds=settled,
        spooled=sum(int(count) for count in re.findall(r"stored (\d+) spooled", logs)),
        bugs=len(re.findall(BUGS, logs)),
        judgement=judge(lines, look(processes)),
    )


def _break_until(over: threading.Event, platform: Platform, chance: random.Random) -> None:
    while not over.wait(chance.uniform(*BETWEEN_KILLS_SECONDS)):
        platform.restart()
        platform.break_something()


def _tell_until(over: threading.Event, platform: Platform, history: History) -> None:
    began = time.monotonic()
    while not over.wait(BETWEEN_LINES_SECONDS):
        lines = history.read()
        answers = Counter(line["status"] for line in lines if line["what"] == "answered")
        print(f"{time.monotonic() - began:4.0f} s: answers {dict(answers)}, kills {dict(platform.kills)}", flush=True)  # noqa: T201


def _watch_until(over: threading.Event, data: Path, history: History) -> None:
    """Write down when the database's server goes and comes."""
    was_up = True
    while not over.wait(0.2):
        try:
            is_up = "ready" in (data / "postgres" / "postmaster.pid").read_text() and bool(servers(data))
        except OSError:
            is_up = False
        if is_up is not was_up:
            history.write("up" if is_up else "down")
            was_up = is_up
