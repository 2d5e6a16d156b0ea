"""Bring a receiver into a state that its operator must hear of, and see when each of four places names it.

    well ──cause──▶ named by `status`, `check`, `/readyz` and a metric ──cure──▶ named by none of them

A state is named where the words of its finding stand, or where its metric has passed a bound.
"""

import asyncio
import re
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx

from receiver import database, signature
from receiver.testing import Server
from tests.commands import Simulated
from tests.faults.proxy import Proxy
from tests.processes import SECRET, Process, Processes, Web, free_port, until

OLD_SECONDS = 300.0
FEW, MANY = 60, 1000  # descriptors
PLACES = ("status", "check", "readyz", "metric")
TEST = b'{"id": "evt_%d", "event": "webhook.test", "data": {}}'
UNANNOUNCED = """
    insert into receiver.events (
        source, event_id, api_url, account, type, raw, secret_fingerprint, origin, received_at, ended_at
    ) values (
        'transcribe.so', 'reconciled:9:x', '{api}', 'default', 'transcription.completed', '', '', 'reconciled', now(),
        now()
    )
"""


class Metric(NamedTuple):
    """A sample, and the values that it has in a state."""

    sample: str
    shows: Callable[[float], bool]


@dataclass
class House:
    """A web process and a worker, what tells their metrics, and a proxy before their database."""

    processes: Processes
    web: Web
    worker: Process
    proxy: Proxy
    scraped: str
    api: str
    direct: str
    number: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)

    def deliver(self) -> int:
        self.number += 1
        return self.web.deliver(TEST % self.number).status_code

    def told(self, place: str) -> str:
        """Return what a place tells now; nothing if it does not answer."""
        if place in ("status", "check"):
            return self.processes.run(place).stdout
        key = signature.key_for_questions(SECRET)
        headers = {signature.HEADER.decode(): signature.sign(b"", secret=key, at=int(time.time()))}
        try:
            address = self.scraped if place == "metric" else f"{self.web.url}/readyz"
            return httpx.get(address, headers=headers, timeout=30).text
        except httpx.HTTPError:
            return ""


@dataclass(frozen=True)
class State:
    """What an operator must hear of.

    Attributes:
        words: what names it in lines of findings.
        metric: what names it in a scrape.
        begin, end: cause it and cure it.
    """

    name: str
    words: str
    metric: Metric
    begin: Callable[[House], object]
    end: Callable[[House], object]

    def is_named(self, house: House, place: str) -> bool:
        """Whether a place names it now."""
        told = house.told(place)
        if place != "metric":
            return re.search(self.words, told) is not None
        found = re.search(rf"^{re.escape(self.metric.sample)} (\S+)$", told, re.MULTILINE)
        return found is not None and self.metric.shows(float(found[1]))


def seconds_until(house: House, state: State, *, named: bool) -> dict[str, float]:
    """Return after how many seconds each place names a state, or does not name it any more."""
    began, found = time.monotonic(), dict[str, float]()

    def watch(place: str) -> None:
        until(lambda: state.is_named(house, place) is named, f"{place}: {state.name}, {named}", seconds=120)
        found[place] = round(time.monotonic() - began, 1)

    watching = [threading.Thread(target=watch, args=[place]) for place in PLACES]
    for one in watching:
        one.start()
    for one in watching:
        one.join()
    return found


@contextmanager
def house(processes: Processes, server: Server, **settings: str) -> Iterator[House]:
    """Run a receiver whose database is behind a proxy, and wait until all is well."""
    url, place = server.create("receiver_named"), f"127.0.0.1:{free_port()}"
    port = free_port()
    with Proxy(url).running() as proxy, Simulated(speed=60_000).running() as provider:
        processes.environment |= {
            "DATABASE_URL": proxy.url, "RECEIVER_HANDLERS": "receiver.bundled", "PORT": str(port),
            "TRANSCRIBE_API_URL": provider.url, "TRANSCRIBE_API_KEY": provider.key,
            "TRANSCRIBE_WEBHOOK_SECRET": SECRET.decode(), **settings,
        }  # fmt: skip
        processes.run("migrate")
        web = processes.begin_serving(port)
        web.until_logged("listening on")
        worker = processes.start("work")
        worker.until_logged("working with")
        processes.start("metrics", "--listen", place).until_logged("metrics are at")
        found = House(processes, web, worker, proxy, f"http://{place}/metrics", provider.url, url)
        until(lambda: found.deliver() == 200, "a delivery")
        yield found
        processes.kill()
    server.drop("receiver_named")


def _limit(house: House, most: int) -> None:
    _, hard = resource.prlimit(house.web.popen.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(house.web.popen.pid, resource.RLIMIT_NOFILE, (most, hard))


def _kill_worker(house: House) -> None:
    house.worker.popen.send_signal(signal.SIGKILL)
    house.worker.popen.wait()
    house.deliver()


def _start_worker(house: House) -> None:
    house.worker = house.processes.start("work")


def _fill(house: House) -> None:
    house.proxy.misbehave("reset")
    until(lambda: house.deliver() == 503, "a full spool")


def _open_snapshot(house: House) -> None:
    """Hold a snapshot until it is old: five minutes, and a thousand transactions."""

    async def hold() -> None:
        connection = await database.connect(house.direct)
        await connection.execute("set idle_in_transaction_session_timeout = 0")  # as others' sessions are
        async with connection.transaction(isolation="repeatable_read"):
            await connection.fetchval("select pg_current_xact_id()")
            house.held.set()
            await asyncio.to_thread(house.released.wait)
        await connection.close()

    threading.Thread(target=lambda: asyncio.run(hold())).start()
    house.held.wait()
    began = time.monotonic()
    house.processes.sql("do $$ begin for n in 1..1500 loop perform pg_current_xact_id(); commit; end loop; end $$")
    until(lambda: time.monotonic() - began >= OLD_SECONDS, "it is old", seconds=2 * OLD_SECONDS)


def _close_snapshot(house: House) -> None:
    house.released.set()


def _missed(house: House) -> None:
    house.processes.sql(UNANNOUNCED.format(api=house.api), house.direct)


def finding(name: str, *, advises: bool = False) -> str:
    """Return what matches the line of a finding that does not hold, or in `/readyz` of one that only advises."""
    return rf"(?m)^(?:!!|\.\.)  {name}\b|^{name}: {'ok' if advises else 'NOT OK'}"


def is_zero(value: float) -> bool:
    """Return whether a gauge is 0."""
    return value == 0


STATES = (
    State("outage", finding("database"), Metric("receiver_database_up", is_zero),
          lambda house: house.proxy.misbehave("reset"), lambda house: house.proxy.misbehave(None)),
    State("starved", "are free", Metric('receiver_finding_holds{finding="processes"}', is_zero),
          lambda house: _limit(house, FEW), lambda house: _limit(house, MANY)),
    State("feed off", finding("feed", advises=True),
          Metric('receiver_feed_on{account="default",source="transcribe.so"}', is_zero), _missed, House.deliver),
    State("no worker", finding("worker"), Metric('receiver_processes{kind="worker"}', is_zero),
          _kill_worker, _start_worker),
    State("full spool", "it is full", Metric('receiver_finding_holds{finding="spool"}', is_zero), _fill,
          lambda house: house.proxy.misbehave(None)),
)  # fmt: skip
OLD_SNAPSHOT = State(
    "old snapshot", finding("old snapshots", advises=True),
    Metric("receiver_oldest_snapshot_seconds", lambda value: value >= OLD_SECONDS), _open_snapshot, _close_snapshot,
)  # fmt: skip
