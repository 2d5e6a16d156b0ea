"""Starve a receiver of what it needs, under deliveries; give it back, and judge what became of all of it.

    prepared ──▶ runs, all well ──▶ starved, until it shows ──▶ given back ──▶ all well ──▶ all stored and handled

Each kind of want is a context manager: its block is the whole run, and what it yields is the want itself.
"""

import fcntl
import os
import random
import re
import resource
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from receiver.database.embedded import wait_until_stopped
from tests.faults.disks import FILLER, fill, small_disk
from tests.faults.groups import group
from tests.faults.history import History, Judgement, failures_in_a_row, judge, look
from tests.faults.hostile import descriptors as open_descriptors
from tests.faults.kills import AT_ONCE, BUGS, RATE, SETTLE_SECONDS, Client, stage
from tests.processes import WAIT_SECONDS, Process, Processes, Web, free_port, until

QUESTION_SECONDS = 10.0
STRANGERS = 60
MEGABYTES = {"data": 160, "spool": 24, "log": 1, "temporary": 1}
INODES = 3000
PIPE_BYTES = 4096
# Takes memory that there is not, with some events, while a file says so: whoever holds most by then is killed.
HUNGRY = """
import os
import time
from datetime import timedelta
from pathlib import Path

from receiver import Context, Event, RetryPolicy, handler

OFTEN = RetryPolicy(attempts=1000, first=timedelta(seconds=0.2), limit=timedelta(seconds=1))


@handler("transcription.completed", retry=OFTEN)
def eat(event: Event, ctx: Context) -> None:
    if Path("hungry").exists() and int(event.id.removeprefix("evt_")) % 20 == 0:
        taken = b"x" * (256 << 20)
        time.sleep(0.1)
        del taken
"""


@dataclass(frozen=True, slots=True)
class Run:
    """What was seen.

    Attributes:
        refused: tries that were not answered 200, by their status; None is a connection that broke.
        failed_in_a_row: the longest row as the provider counts.
        named: findings of readiness that did not hold at some time while the want lasted.
        whole_after_seconds: from the end of the want until readiness had nothing to say.
        kills: processes of `up` that were killed.
        bugs: lines of the logs that tell of one.
    """

    deliveries: int
    tries: int
    refused: Counter[int | None]
    failed_in_a_row: int
    slowest_seconds: float
    named: frozenset[str]
    whole_after_seconds: float
    kills: int
    bugs: int
    judgement: Judgement


class Platform:
    """A web process and a worker, or `up` with both of its own."""

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.command = "serve"
        self.logs: list[Path] = []
        self.began: list[Process] = []
        self.meanwhile: Callable[[], object] = lambda: None  # what is done now and then while the want lasts
        self.until: Callable[[], bool] = lambda: True  # what there must have been, besides a finding, before it ends

    @property
    def data(self) -> Path:
        return self.processes.folder / ".receiver"

    @property
    def web(self) -> Web:
        web = self.began[0]
        assert isinstance(web, Web)
        return web

    def start(self) -> None:
        web = self.processes.begin_serving(free_port(), self.command)
        self.began = [web] if self.command == "up" else [web, self.processes.start("work")]
        until(lambda: self.findings() == [], "it runs and all is well")

    def findings(self) -> list[str]:
        """Return the names of what does not hold; that there is no answer is one too."""
        found = self.readiness()
        return ["readiness"] if found is None else [name for name, one in found.items() if not one["holds"]]

    def readiness(self) -> dict[str, dict[str, Any]] | None:
        """Return the findings by name; None where there is no answer."""
        try:
            answer = httpx.get(f"{self.web.url}/readyz?format=json", timeout=QUESTION_SECONDS)
            return {one["name"]: one for one in answer.json()["findings"]}
        except (httpx.HTTPError, ValueError, LookupError):
            return None

    def be_refused(self) -> None:
        """Give the web process something to tell."""
        with suppress(httpx.HTTPError):
            httpx.post(f"{self.web.url}/webhooks/transcribe-so", timeout=QUESTION_SECONDS)

    def is_drained(self) -> bool:
        """Whether nothing waits in the spool."""
        found = self.readiness()
        return found is not None and found["spool"]["seen"] == "empty"

    def read_logs(self) -> str:
        paths = [*self.processes.folder.glob("*.err"), *self.logs]
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    def end(self) -> None:
        """End what runs, and its database."""
        ended = [process.end() for process in self.began]
        wait_until_stopped(self.data)
        assert ended == [0] * len(ended)


Want = Callable[[], AbstractContextManager[None]]
Kind = Callable[[Platform], AbstractContextManager[Want]]


@contextmanager
def descriptors(platform: Platform) -> Iterator[Want]:
    """Both processes may have no more than they have, many of them strangers' connections."""

    @contextmanager
    def want() -> Iterator[None]:
        with ExitStack() as stack:
            for _ in range(STRANGERS):
                stack.enter_context(socket.create_connection(("127.0.0.1", platform.web.port)))
            until(lambda: open_descriptors(platform.web) >= STRANGERS, "they are taken")
            for process in platform.began:
                pid, of = process.popen.pid, resource.RLIMIT_NOFILE
                before = resource.prlimit(pid, of)
                resource.prlimit(pid, of, (open_descriptors(process), before[1]))
                stack.callback(resource.prlimit, pid, of, before)
            yield

    yield want


@contextmanager
def threads(platform: Platform) -> Iterator[Want]:
    """All processes together, the database's too, may begin no thread and no process."""
    with group("pids") as found:
        platform.processes.by = found.by
        yield lambda: found.limited(found.held())


@contextmanager
def memory(platform: Platform) -> Iterator[Want]:
    """All processes together may have a tenth more than they have, and a handler wants more with some events."""
    platform.command = "up"
    platform.processes.write_handlers(hungry=HUNGRY)
    appetite = platform.processes.folder / "hungry"

    @contextmanager
    def want() -> Iterator[None]:
        with found.limited(int((found.held() - found.cached()) * 1.1)):
            appetite.touch()
            try:
                yield
            finally:
                appetite.unlink()

    with group("memory") as found:
        platform.processes.by = found.by
        platform.until = lambda: bool(_killed(platform))
        yield want


def _killed(platform: Platform) -> list[str]:
    return re.findall(r"ended with status -9|ended with signal 9|was terminated by signal 9", platform.read_logs())


def disks(*names: str, inodes: bool = False) -> Kind:
    """Return the want of room, or of `inodes`, on the disks of these names, or on one disk for all."""

    @contextmanager
    def kind(platform: Platform) -> Iterator[Want]:
        folder, together = platform.processes.folder, not names
        places = {name: folder / name for name in MEGABYTES} | {"data": platform.data}
        with ExitStack() as stack:
            limit = INODES if inodes else 0
            if together:
                stack.enter_context(small_disk(platform.data, sum(MEGABYTES.values()), inodes=limit))
                places |= {name: platform.data / name for name in ("spool", "log", "temporary")}
            for name in names:
                stack.enter_context(small_disk(places[name], MEGABYTES[name], inodes=limit))
            log = places["log"] / "told"
            platform.logs.append(log)
            made = f"mkdir -p {places['log']} {places['temporary']}"  # only when the database has taken its folder
            platform.processes.by = ("sh", "-c", f'{made} && exec "$0" "$@" >>{log} 2>&1')
            platform.processes.environment |= {
                "RECEIVER_SPOOL_DIR": str(places["spool"]), "TMPDIR": str(places["temporary"]),
            }  # fmt: skip
            platform.meanwhile = platform.be_refused
            full = [places[name] for name in names] or [platform.data]
            yield lambda: _full(full, inodes=inodes)

    return kind


@contextmanager
def _full(disks: Sequence[Path], *, inodes: bool) -> Iterator[None]:
    """Let nothing be free on these disks; what comes free meanwhile is taken too."""
    over, fillers = threading.Event(), list[Path]()

    def keep_full() -> None:
        while not over.wait(0.2):
            for disk in disks:
                fillers.extend(_take_inodes(disk) if inodes else _take_room(disk))

    keeping = threading.Thread(target=keep_full)
    keeping.start()
    try:
        yield
    finally:
        over.set()
        keeping.join()
        for filler in fillers:
            filler.unlink(missing_ok=True)


def _take_room(disk: Path) -> list[Path]:
    fill(disk)
    return [disk / FILLER]


def _take_inodes(disk: Path) -> Iterator[Path]:
    with suppress(OSError):
        for _ in range(INODES):
            path = disk / f"{FILLER}-{time.monotonic_ns()}"
            path.touch()
            yield path


@contextmanager
def unread(platform: Platform) -> Iterator[Want]:
    """Nobody reads what both processes tell."""
    with _pipe(platform) as reader:
        yield lambda: reader.pausing(hangs_up=False)


@contextmanager
def hung_up(platform: Platform) -> Iterator[Want]:
    """Who read what both processes tell has gone; another one comes."""
    with _pipe(platform) as reader:
        yield lambda: reader.pausing(hangs_up=True)


@contextmanager
def closed(platform: Platform) -> Iterator[Want]:
    """Both processes have no standard streams at all, from the beginning."""
    platform.processes.by = ("sh", "-c", 'exec "$0" "$@" <&- >&- 2>&-')
    yield nullcontext


class Reader:
    """Reads a pipe into a file."""

    def __init__(self, pipe: Path, into: Path) -> None:
        self._pipe, self._into = pipe, into
        self._go_on, self._over = threading.Event(), threading.Event()
        self._go_on.set()
        self._hangs_up = self.began = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @contextmanager
    def pausing(self, *, hangs_up: bool) -> Iterator[None]:
        """Do not read for as long as the block runs."""
        self._hangs_up = hangs_up
        self._go_on.clear()
        try:
            yield
        finally:
            self._go_on.set()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        descriptor = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.began = True
        with self._into.open("ab", buffering=0) as into:
            while not self._over.is_set():
                if self._go_on.is_set():
                    with suppress(BlockingIOError):
                        into.write(os.read(descriptor, 65536))
                elif self._hangs_up:
                    os.close(descriptor)
                    self._go_on.wait()
                    descriptor = os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)
                self._over.wait(0.01)
        os.close(descriptor)


@contextmanager
def _pipe(platform: Platform) -> Iterator[Reader]:
    """Have both processes tell into a pipe, and much: one of each job, the other of refusals."""
    pipe, into = platform.processes.folder / "pipe", platform.processes.folder / "told"
    os.mkfifo(pipe)
    holding = os.open(pipe, os.O_RDWR)
    fcntl.fcntl(holding, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    reader = Reader(pipe, into)
    until(lambda: reader.began, "it reads")
    os.close(holding)
    platform.logs.append(into)
    platform.processes.by = ("sh", "-c", f'exec "$0" "$@" >{pipe} 2>&1')
    platform.processes.environment["RECEIVER_LOG_LEVEL"] = "debug"
    platform.meanwhile = platform.be_refused
    try:
        yield reader
    finally:
        reader.close()


# What readiness may call it. Nothing has to show in it of what costs nothing (the temporary files, no streams at all),
# or of what is over when it can be asked again (a kill).
KINDS: dict[str, tuple[Kind, frozenset[str]]] = {
    "descriptors": (descriptors, frozenset({"descriptors"})),
    "threads": (threads, frozenset({"threads"})),
    "memory": (memory, frozenset()),
    "full data disk": (disks("data"), frozenset({"database", "spool"})),
    "full spool disk": (disks("spool"), frozenset({"spool"})),
    "full log disk": (disks("log"), frozenset({"log"})),
    "full temporary disk": (disks("temporary"), frozenset()),
    "full disk": (disks(), frozenset({"database", "spool"})),
    "inodes": (disks(inodes=True), frozenset({"spool"})),
    "unread streams": (unread, frozenset({"log"})),
    "hung-up streams": (hung_up, frozenset({"log"})),
    "closed streams": (closed, frozenset()),
}


def through(processes: Processes, name: str, *, seconds: float, seed: int = 1) -> Run:
    """Deliver while the want of this name lasts `seconds`, and until readiness has named it; then judge."""
    kind, names = KINDS[name]
    platform = Platform(processes)
    with kind(platform) as want:
        by, processes.by = processes.by, ()
        history = stage(processes)
        wait_until_stopped(platform.data)  # it was started by who is not to be starved
        processes.by = by
        platform.start()
        run = _starve(platform, history, want, names, seconds=seconds, seed=seed)
        platform.end()
    return run


def _starve(
    platform: Platform, history: History, want: Want, names: frozenset[str], *, seconds: float, seed: int
) -> Run:
    chance = random.Random(seed)  # noqa: S311 - which events come twice
    client, named = Client([platform.web], history, chance), set[str]()
    with ThreadPoolExecutor(AT_ONCE + 1) as pool:
        starving = pool.submit(_last, platform, want, names, named, seconds)
        delivered: list[Future[None]] = []
        began = time.monotonic()
        while not starving.done():
            time.sleep(max(0.0, began + len(delivered) / RATE - time.monotonic()))
            delivered.append(pool.submit(client.deliver, len(delivered), client.choose()))
        for one in delivered:
            one.result()
    whole = starving.result()
    until(platform.is_drained, "the spool is drained", SETTLE_SECONDS)
    until(lambda: platform.processes.unfinished() == 0, "every job has ended", SETTLE_SECONDS)
    lines, logs = history.read(), platform.read_logs()
    answers = [line for line in lines if line["what"] == "answered"]
    return Run(
        deliveries=len(delivered),
        tries=len(answers),
        refused=Counter(line["status"] for line in answers if line["status"] != 200),
        failed_in_a_row=failures_in_a_row(lines),
        slowest_seconds=max(line["seconds"] for line in answers),
        named=frozenset(named),
        whole_after_seconds=whole,
        kills=len(_killed(platform)),
        bugs=len(re.findall(BUGS, logs)),
        judgement=judge(lines, look(platform.processes)),
    )


def _last(platform: Platform, want: Want, names: frozenset[str], named: set[str], seconds: float) -> float:
    """Let the want last, then return how long it takes until all is well; `named` gets what readiness names."""
    time.sleep(min(1.0, seconds))
    with want():
        began = time.monotonic()
        while time.monotonic() - began < seconds or not (platform.until() and (not names or names & named)):
            if time.monotonic() - began > seconds + WAIT_SECONDS:
                raise AssertionError(f"after {seconds + WAIT_SECONDS:g} s readiness had named {named}, not {names}")
            platform.meanwhile()
            named.update(platform.findings())
            time.sleep(0.2)
    over = time.monotonic()
    try:
        until(lambda: platform.findings() == [], "all is well again", SETTLE_SECONDS)
    except AssertionError as exc:
        raise AssertionError(f"{exc}: {platform.readiness()}\n{platform.read_logs()[-10_000:]}") from exc
    return time.monotonic() - over
