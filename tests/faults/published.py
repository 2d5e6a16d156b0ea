"""The server of NATS is killed while events are published: each is in the stream once."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from tests.handlers.ready import nats
from tests.handlers.ready.nats import Nats
from tests.processes import Process, Processes, Web, completed, until

LEFT = "select count(*) from receiver.jobs where handler = 'publish' and state <> 'done'"
TRIED = "select coalesce(sum(attempt), 0) as tries, count(*) as jobs from receiver.jobs where handler = 'publish'"
WAIT_SECONDS = 120.0  # the third pause of a job is up to a minute


@dataclass(slots=True)
class Newsroom:
    """A web process, a worker and a server of NATS."""

    processes: Processes
    web: Web
    worker: Process
    server: Nats
    numbers: "count[int]"
    delivered: list[str]
    kills: int = 0

    def deliver(self) -> None:
        """Deliver one event."""
        number = next(self.numbers)
        assert self.web.deliver(completed(f"evt_{number}", 4821 + number)).status_code == 200
        self.delivered.append(f"evt_{number}")

    def server_dies(self, events: int) -> None:
        """Kill the server of NATS while events are delivered, when a third of them is in the stream, and start it."""
        before = self.server.told("jsz")["messages"]
        with ThreadPoolExecutor(4) as pool:
            under_way = [pool.submit(self.deliver) for _ in range(events)]
            until(
                lambda: self.server.told("jsz")["messages"] - before > events // 3, "some are published", WAIT_SECONDS
            )
            self.server.kill()
            self.kills += 1
            self.server.start()
            for one in under_way:
                one.result()
        self._settle()

    def _settle(self) -> None:
        """Wait until every event is published; then each is in the stream once, under an id of its own."""
        until(lambda: self.processes.sql(LEFT)[0]["count"] == 0, "every event is published", WAIT_SECONDS)
        kept = asyncio.run(self.server.kept())
        found = [json.loads(body)["data"]["event"] for _, _, body in kept]
        assert sorted(found) == sorted(self.delivered), "lost, or doubled"
        assert len({key for _, key, _ in kept}) == len(kept)

    def repeats(self) -> int:
        """Return how many tries there were beside the first one of each event."""
        (row,) = self.processes.sql(TRIED)
        return int(row["tries"]) - int(row["jobs"])


@contextmanager
def newsroom(processes: Processes, folder: Path) -> Iterator[Newsroom]:
    """Yield a newsroom on the processes' database."""
    with nats.running(folder) as server:
        asyncio.run(server.add())
        processes.environment |= {
            "RECEIVER_PUBLISH": server.address(f"?monitor={server.monitoring}"), "RECEIVER_LEASE_SECONDS": "1",
            "RECEIVER_HANDLERS": "receiver.bundled.ready.publish",
        }  # fmt: skip
        yield Newsroom(processes, processes.serve(), processes.start("work"), server, count(1), [])
