"""Deliver while the network between the receiver and its database misbehaves, and judge the end."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.faults.proxy import Mode, Proxy
from tests.faults.scenarios import Stage
from tests.processes import Web

AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was seen; `cuts` is how many connections the proxy ended."""

    deliveries: int
    refused: int
    slowest_seconds: float
    settled_after_seconds: float
    cuts: int


@contextmanager
def behind_a_proxy(stage: Stage) -> Iterator[tuple[Proxy, Web]]:
    """Yield a proxy, and a web process that reaches its database through it; so does a worker."""
    with Proxy(stage.processes.environment["DATABASE_URL"]).running() as proxy:
        worker = stage.processes.start("work", DATABASE_URL=proxy.url)
        web = stage.processes.serve(DATABASE_URL=proxy.url)
        try:
            yield proxy, web
        finally:
            worker.kill()
            web.kill()


def through(stage: Stage, proxy: Proxy, web: Web, mode: Mode, *, seconds: float, count: int) -> Outcome:
    """Deliver `count` events evenly over so many seconds of misbehaviour."""
    before = len(stage.history.read())
    assert stage.deliver(web, last=True)
    cuts = proxy.cuts
    proxy.misbehave(mode)
    began = time.monotonic()

    def deliver(number: int) -> bool:
        time.sleep(max(0.0, began + seconds * number / count - time.monotonic()))
        return stage.deliver(web, last=True)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        taken = list(pool.map(deliver, range(count)))
    proxy.misbehave(None)
    back = time.monotonic()
    stage.settle()
    answers = [line["seconds"] for line in stage.history.read()[before:] if line["what"] == "answered"]
    return Outcome(count, taken.count(False), max(answers), time.monotonic() - back, proxy.cuts - cuts)
