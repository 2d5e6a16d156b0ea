"""Collect the metrics for a scrape, and render them. However often somebody scrapes, the database is asked seldom.

scrape ──▶ not older than 5 s ──▶ the same again
      └──▶ the figures, within 1 s ──▶ rendered
              │  └── they cannot be read ──▶ those that were read last
              └── the database does not answer ──▶ what the web process of this machine answers
"""

import asyncio
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from receiver.database import Connection, Connections, query
from receiver.errors import ReceiverError
from receiver.handling import Handler
from receiver.health import asking, figures, survey
from receiver.health.metrics import samples
from receiver.health.metrics.families import FAMILIES, Family
from receiver.health.metrics.samples import Buckets, Values
from receiver.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Times, in seconds.

    Attributes:
        collect: how long the database has for all figures.
        fresh: how long what was collected is shown again.
        ask: how long a web process has to answer.
    """

    collect: float = 1.0
    fresh: float = 5.0
    ask: float = 2.5


class Exposition:
    """The metrics of an installation.

    Args:
        connections: to the database; one at a time is used.
        configured: the settings.
        handlers: those of this installation.
        deadlines: how long, and how often.
    """

    def __init__(
        self, connections: Connections, configured: Settings, handlers: Mapping[str, Handler],
        deadlines: Deadlines | None = None,
    ) -> None:  # fmt: skip
        self._connections = connections
        self._configured = configured
        self._handlers = handlers
        self._deadlines = deadlines or Deadlines()
        self._collecting: asyncio.Task[Values] | None = None
        self._collected_at = float("-inf")
        self._last: Values = {"receiver_database_up": {(): 1.0}}

    async def render(self, accept: str) -> tuple[bytes, str]:
        """Return the metrics as text in the format that a client accepts, and its content type."""
        if self._collecting is None or time.monotonic() - self._collected_at > self._deadlines.fresh:
            self._collected_at = time.monotonic()
            self._collecting = asyncio.create_task(self._collect())
        values = await asyncio.shield(self._collecting)
        try:
            encode, kind = choose_encoder(accept)
        except Exception:  # noqa: BLE001 - it raises various errors for a header that it does not like
            encode, kind = choose_encoder("")
        return await asyncio.to_thread(encode, _Collected(values)), kind

    async def _collect(self) -> Values:
        began = time.monotonic()
        try:
            await self._connections.run(_answers, seconds=self._deadlines.collect)
        except ReceiverError as exc:
            log.debug("the database does not answer: %s", exc)
            return {**await self._ask(), **_lasted(began)}
        try:
            self._last = await self._connections.run(self._read, seconds=self._deadlines.collect)
        except ReceiverError as exc:  # it is too slow, or a right is missing: it is up all the same
            log.warning("the figures cannot be read; what was read last is shown: %s", exc)
        return {**self._last, **_lasted(began)}

    async def _read(self, connection: Connection) -> Values:
        found = await figures.read(connection, self._configured, self._handlers)
        findings = (await survey.inside(connection, self._configured, self._handlers)).findings
        return samples.of_figures(found, findings)

    async def _ask(self) -> Values:
        answer = await asking.ask_here(self._configured, seconds=self._deadlines.ask)
        if isinstance(answer, str):
            log.debug("%s", answer)
            return samples.of_answer({}, ())
        return samples.of_answer(answer.told.gauges, answer.findings or ())


async def _answers(connection: Connection) -> None:
    await connection.fetchval(query("health/backend_pid"))


def _lasted(began: float) -> Values:
    return {"receiver_scrape_seconds": {(): time.monotonic() - began}}


class _Collected(Collector):
    """The metrics as the client library renders them."""

    def __init__(self, values: Values) -> None:
        self._values = values

    def collect(self) -> Iterator[Metric]:
        """Yield each metric that has values."""
        for family in FAMILIES:
            if family.name in self._values:
                yield _metric(family, self._values[family.name])


def _metric(family: Family, values: Mapping[tuple[str, ...], float | Buckets]) -> Metric:
    if family.kind == "histogram":
        found = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for labels, value in values.items():
            assert isinstance(value, Buckets), "a histogram has buckets"
            found.add_metric(labels, value.below, value.sum)
        return found
    made: CounterMetricFamily | GaugeMetricFamily = (
        CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    )(family.name, family.help, labels=family.labels)
    for labels, value in values.items():
        assert not isinstance(value, Buckets), "only a histogram has buckets"
        made.add_metric(labels, value)
    return made
