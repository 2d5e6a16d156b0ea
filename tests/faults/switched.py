"""`up --sandbox` with one ready-made handler, switched on by its setting alone, whose worker is killed at each step.

A step is a call that the code of `handlers/ready` makes of other code, or from which that comes back, also to wait; a
call by which a library touches a socket; or a failpoint. A plan on disk names one. The worker that reaches it takes the
plan and dies, and `up` alone has to make it good. What the peer has is the judge.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Protocol

import httpx

from receiver.failpoints import Failpoint
from tests.processes import Process, Processes, completed, free_port, sign, until

STEP = "step"
AROUND = (Failpoint.AFTER_CLAIM, Failpoint.IN_HANDLER, Failpoint.AFTER_HANDLER)
SETTLED = (*AROUND, Failpoint.BEFORE_SETTLED, Failpoint.AFTER_SETTLED)
COMPLETED = (*AROUND, Failpoint.BEFORE_COMPLETING_COMMIT, Failpoint.AFTER_COMPLETING_COMMIT)
EVENTS = 3
WORKERS = 2
MOST_KILLS = 30  # of one `up`
BEYOND = 5  # rounds without a death, after which there are no more steps: how many there are varies a little
DYING = '''
"""Dies as the plan says."""

import builtins
import os
import re
import signal
import sys
import threading

from receiver import handler

PLAN = os.environ.get("DIES_BY", "")
TAKEN, DIED = f"{PLAN}.taken-{os.getpid()}", f"{PLAN}.died"
READY = re.compile(r"/handlers/(ready/(?!_names|_front_matter)|timestamps|artifacts)")
LIBRARIES = re.compile(r"/(http/client|socket|ssl|anyio/_backends/_asyncio|nats/aio/transport|asyncio/streams)\\.py$")
WIRE = {"send", "sendall", "recv", "recv_into", "connect", "write", "writelines"}
PURE = (str, bytes, dict, list, tuple, set, frozenset, re.Pattern, re.Match)
kinds, left = {}, None


def kind(code):
    found = kinds.get(code)
    if found is None:
        name = code.co_filename
        found = kinds[code] = (
            "reach" if name.endswith("/receiver/failpoints.py") and code.co_name == "reach"
            else "ready" if READY.search(name) and code.co_name[0] != "<"
            else "library" if LIBRARIES.search(name) else "other"
        )
    return found


def touches(function):
    own = getattr(function, "__self__", None)
    return own is not builtins and not isinstance(own, PURE)


def look(frame, event, argument):
    if event in ("c_return", "c_exception"):
        return
    here = kind(frame.f_code)
    if event == "c_call":
        if here == "ready" and touches(argument) or here == "library" and argument.__name__ in WIRE:
            pass_by("step")
    elif event == "call" and here == "reach":
        pass_by(str(frame.f_locals["point"]))
    elif event in ("call", "return") and here != "ready" and frame.f_back and kind(frame.f_back.f_code) == "ready":
        pass_by("step")


def pass_by(what):
    global left
    if left is not None and not os.path.exists(TAKEN):
        left = None
    if left is None:
        try:
            with open(PLAN) as file:
                name, times = file.read().split()
            if name != what:
                return
            os.rename(PLAN, TAKEN)
        except OSError:
            return
        left = name, int(times)
    name, times = left
    if name == what:
        left = name, times - 1
        if times == 1:
            os.rename(TAKEN, DIED)
            os.kill(os.getpid(), signal.SIGKILL)


if PLAN and "work" in sys.orig_argv:
    sys.setprofile(look)
    threading.setprofile(look)


@handler("nothing.comes")
def dying(event, ctx): ...
'''


class Peer(Protocol):
    """The other side of a handler: what it writes down is the judge.

    Attributes:
        variables: the setting that switches the handler on, and what else the machine has for it.
        forgets: a statement that forgets what came before a round, or none.
        repeats: how often an effect came again, known as a repeat.
    """

    variables: dict[str, str]
    forgets: str
    repeats: int

    def transcription(self, number: int, /) -> int:
        """Return the id of the transcription that an event is about."""

    def begin(self) -> None:
        """Forget what came before this round."""

    def judge(self, numbers: list[int]) -> None:
        """Fail if the effect of an event is missing, or is there twice without being known as a repeat."""


@dataclass(slots=True)
class Machine:
    """A machine that runs `up --sandbox`."""

    processes: Processes
    peer: Peer
    database: str
    numbers: "count[int]" = field(default_factory=lambda: count(1))
    starts: int = 0
    kills: int = 0
    _up: Process | None = None
    _secret: str = ""
    _died: int = 0

    @property
    def _plan(self) -> Path:
        return self.processes.folder / "plan"

    def start(self) -> None:
        """Start `up`, and wait until its sample has been through everything."""
        self.starts += 1
        self._died = 0
        self._up = self.processes.start(
            "up", "--sandbox", "--sandbox-port", str(free_port()), "--workers", str(WORKERS)
        )
        until(lambda: self._count("receiver.events where origin = 'webhook' and event_id not like 'evt_own%'")
              >= self.starts, "a sample has come", 120)  # fmt: skip
        until(lambda: self._done, "its jobs are done", 120)
        statement = "select secret from receiver.registrations where secret is not null order by id desc limit 1"
        self._secret = self.processes.sql(statement)[0]["secret"]

    def end(self) -> None:
        """End `up`."""
        assert self._up is not None
        assert self._up.end() == 0, self._up.log
        assert not re.search(r"a bug in receiver|Traceback", self._up.log), self._up.log

    def dies(self, what: str, nth: int = 1, *, events: int = 1) -> bool:
        """Let a worker die at a step of some events, and `up` make it good. Return whether one has died."""
        if self._died == MOST_KILLS:
            self.end()
            self.start()
        self.begin(what, nth)
        numbers = [self._deliver() for _ in range(events)]
        has_died = self.until_good(must_die=what != STEP)
        self.peer.judge(numbers)
        return has_died

    def begin(self, what: str, nth: int = 1) -> None:
        """Begin a round with a plan: whoever reaches it for the n-th time dies."""
        self.peer.begin()
        if self.peer.forgets:
            self.processes.sql(self.peer.forgets)
        plan = self._plan.with_suffix(".new")
        plan.write_text(f"{what} {nth}")
        plan.rename(self._plan)

    def until_good(self, *, must_die: bool) -> bool:
        """Wait until every job is done, and end the round. Return whether a worker has died."""
        died = self._plan.with_suffix(".died")
        if must_die:
            until(died.exists, "a worker has died", 120)
        until(lambda: self._done, "every job is done", 120)
        has_died = died.exists()
        for path in self.processes.folder.glob("plan*"):
            path.unlink()
        self.kills += has_died
        self._died += has_died
        return has_died

    def at_every_step(self, *, every: int = 1, most: int = 10_000) -> int:
        """Let a worker die at the steps of one event, one after the other. Return how many have died."""
        before, beyond = self.kills, 0
        for step in range(1, most + 1, every):
            beyond = 0 if self.dies(STEP, step) else beyond + 1
            if beyond == BEYOND:
                break
        return self.kills - before

    @property
    def _done(self) -> bool:
        return self._count("receiver.jobs where state <> 'done'") == 0

    def _count(self, what: str) -> int:
        return int(self.processes.sql(f"select count(*) as number from {what}")[0]["number"])

    def _deliver(self) -> int:
        number = next(self.numbers)
        body = completed(f"evt_own_{number}", self.peer.transcription(number))
        url = f"http://127.0.0.1:{self.processes.environment['PORT']}/webhooks/transcribe-so"
        answer = httpx.post(url, content=body, headers=sign(body, secret=self._secret.encode()), timeout=60)
        assert answer.status_code == 200, answer.text
        return number


@contextmanager
def running(processes: Processes, peer: Peer, database: str) -> Iterator[Machine]:
    """Yield a machine on a database of its own."""
    for name in ("TRANSCRIBE_API_URL", "TRANSCRIBE_WEBHOOK_SECRET"):
        processes.environment.pop(name, None)
    processes.write_handlers(dying=DYING)
    processes.environment |= {
        "DATABASE_URL": database, "PORT": str(free_port()), "RECEIVER_LEASE_SECONDS": "3",
        "DIES_BY": str(processes.folder / "plan"), **peer.variables,
    }  # fmt: skip
    machine = Machine(processes, peer, database)
    machine.start()
    yield machine
    machine.end()
