"""Workers that are killed at every step of a forwarded event: the app gets each at least once, known by its id."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from receiver.failpoints import Failpoint
from tests.processes import Process, Processes, Web, completed, until
from tests.servers import App, answering

SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
STEPS = (
    Failpoint.AFTER_CLAIM, Failpoint.IN_HANDLER, Failpoint.AFTER_HANDLER, Failpoint.BEFORE_SETTLED,
    Failpoint.AFTER_SETTLED,
)  # fmt: skip
EVENTS = 3
LEFT = "select count(*) from receiver.jobs where handler = 'forward:good' and state <> 'done'"
BAD = "select attempt, error from receiver.jobs where handler = 'forward:bad'"


def variables(name: str, app: App) -> dict[str, str]:
    """Return the variables of a target."""
    return {
        f"RECEIVER_FORWARD_{name}": f"{app.url}/in?token=s3cret-of-{name.lower()}",
        f"RECEIVER_FORWARD_{name}_SECRET": SECRET,
    }


@dataclass(slots=True)
class Office:
    """A web process, two targets, one of which always fails, and workers that come and go."""

    processes: Processes
    web: Web
    good: App
    bad: App
    numbers: "count[int]"
    kills: int = 0

    def deliver(self) -> list[str]:
        """Deliver some events, and return their ids."""
        events = [f"evt_{next(self.numbers)}" for _ in range(EVENTS)]
        for number, event in enumerate(events):
            assert self.web.deliver(completed(event, 4821 + number)).status_code == 200
        return events

    def work(self, **environment: str) -> Process:
        return self.processes.start("work", **environment)

    def dies_at(self, point: Failpoint, nth: int) -> None:
        """Let a worker die at a step of some events, and see that the next one makes it good."""
        events = self.deliver()
        worker = self.work(RECEIVER_FAILPOINT=f"{point}:{nth}")
        assert worker.popen.wait(60) == -9, worker.log
        self._heals(events)

    def dies_unanswered(self) -> None:
        """Let a worker die while the app has some events and has not answered."""
        before = len(self.good.got)
        self.good.answers = [self.good.silent]
        events = self.deliver()
        worker = self.work()
        until(lambda: len(self.good.got) - before == EVENTS, "the app has them")
        worker.kill()
        self.good.answers = [answering(200)]
        self._heals(events)

    def _heals(self, events: list[str]) -> None:
        self.kills += 1
        worker = self.work()
        until(lambda: self.processes.sql(LEFT)[0]["count"] == 0, "every event is forwarded")
        worker.kill()
        self._judge(events)

    def _judge(self, events: list[str]) -> None:
        """Each event came, and all its repeats have its id and its body; no two events share an id."""
        found: dict[str, set[tuple[str, bytes]]] = {event: set() for event in events}
        for got in self.good.got:
            for event in events:
                if f'"event":"{event}"'.encode() in got.body:
                    found[event].add((got.id, got.body))
        assert [len(one) for one in found.values()] == [1] * len(events), found
        assert len({next(iter(one))[0] for one in found.values()}) == len(events)


@contextmanager
def office(processes: Processes) -> Iterator[Office]:
    """Yield an office on the processes' database."""
    with App().running() as good, App().running() as bad:
        bad.answers = [answering(500)]
        processes.environment |= {
            **variables("GOOD", good), **variables("BAD", bad), "RECEIVER_FORWARD_PRIVATE": "yes",
            "RECEIVER_LEASE_SECONDS": "1", "RECEIVER_HANDLERS": "receiver.bundled.ready.forward",
        }  # fmt: skip
        yield Office(processes, processes.serve(), good, bad, count(1))
