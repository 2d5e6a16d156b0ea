"""Workers that are killed while they notify people: everybody is told of every event at least once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from receiver.failpoints import Failpoint
from tests.processes import Process, Processes, Web, completed, until
from tests.servers import App, answering

STEPS = (
    Failpoint.AFTER_CLAIM, Failpoint.IN_HANDLER, Failpoint.AFTER_HANDLER, Failpoint.BEFORE_SETTLED,
    Failpoint.AFTER_SETTLED,
)  # fmt: skip
EVENTS = 3
LEFT = "select count(*) from receiver.jobs where handler = 'notify:json' and state <> 'done'"
BAD = "select distinct error from receiver.jobs where handler = 'notify:json-2' and error is not null"


@dataclass(slots=True)
class Desk:
    """A web process, two services, one of which always fails, and workers that come and go."""

    processes: Processes
    web: Web
    good: App
    bad: App
    numbers: "count[int]"
    kills: int = 0

    def dies_at(self, point: Failpoint, nth: int) -> None:
        """Let a worker die at a step of some events, and see that the next one makes it good."""
        ids = self._deliver()
        worker = self._work(RECEIVER_FAILPOINT=f"{point}:{nth}")
        assert worker.popen.wait(60) == -9, worker.log
        self._heals(ids)

    def dies_unanswered(self) -> None:
        """Let a worker die while the service has the messages and has not answered."""
        before = len(self.good.got)
        self.good.answers = [self.good.silent]
        ids = self._deliver()
        worker = self._work()
        until(lambda: len(self.good.got) - before >= EVENTS, "the service has them")
        worker.kill()
        self.good.answers = [answering(200)]
        self._heals(ids)

    def _deliver(self) -> list[str]:
        """Deliver some events, and return the ids of their transcriptions."""
        found = [next(self.numbers) for _ in range(EVENTS)]
        for number in found:
            assert self.web.deliver(completed(f"evt_{number}", number)).status_code == 200
        return [str(number) for number in found]

    def _work(self, **environment: str) -> Process:
        return self.processes.start("work", **environment)

    def _heals(self, ids: list[str]) -> None:
        self.kills += 1
        worker = self._work()
        until(lambda: self.processes.sql(LEFT)[0]["count"] == 0, "everybody is told")
        worker.kill()
        told = [got.json["message"] for got in self.good.got]
        assert all(any(text.endswith(f", {one})") for text in told) for one in ids), (ids, told)


@contextmanager
def desk(processes: Processes) -> Iterator[Desk]:
    """Yield a desk on the processes' database."""
    with App().running() as good, App().running() as bad:
        bad.answers = [answering(500)]
        processes.environment |= {
            "RECEIVER_NOTIFY": f"{good.apprise} {bad.apprise}", "RECEIVER_NOTIFY_ON": "ready",
            "RECEIVER_LEASE_SECONDS": "1", "RECEIVER_HANDLERS": "receiver.bundled.ready.notify",
            "PYTHONWARNINGS": "error,ignore:'imghdr' is deprecated:DeprecationWarning",  # apprise imports it
        }  # fmt: skip
        yield Desk(processes, processes.serve(), good, bad, count(4821))
