"""What the console's pages take: `python -m tests.benchmarks.console [--events N] [--hours N]`.

A database with 1,000,000 events, 3,000,000 jobs and 1,000 hours of speech. Every page that links lead to is asked for
200 times over one connection, one request after the other, by a client on this machine: a time is from the first byte
of the request to the last byte of the answer, so what the server takes is less. Then 50 deliveries a second, in turns
of half a minute: while nobody looks, and while ten people have pages open that ask for themselves at each change.
Nothing is asserted.
"""

import argparse
import asyncio
import http.client
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate
from typing import NamedTuple

import httpx

from receiver import database
from receiver.submissions.library.indexing import Indexing
from tests.benchmarks.load import Came, Order
from tests.benchmarks.stage import Place, Stage, stage
from tests.browser import crawling
from tests.database import plans
from tests.processes import free_port

EVENTS, HOURS = 1_000_000, 1_000
TIMES, WARM = 200, 20
A_SECOND, TURN_SECONDS, TURNS = 50, 30, 3
PEOPLE = 10
TOKEN = "a_token_of_the_benchmarks"
API_URL = "https://api.test"  # that of the events in `plans.FILL`
FREQUENT, SELDOM = "karo", "montal"
# Questions that no link asks.
ASKED = (
    "/events?q=state:dead", "/events?q=title:Lecture", "/events?q=handler:c+state:dead", "/events?q=evt_77",
    "/events?q=since:1d", f"/transcripts?q={FREQUENT}", f"/transcripts?q={SELDOM}",
    f"/transcripts?q={FREQUENT}+{SELDOM}", "/transcripts?q=nowhere",
)  # fmt: skip
KEPT = """
insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer, fetched_at)
values ('transcribe.so', $1, $2, $3, 'result', $4, now() - $5 * interval '1 s')
"""


class Times(NamedTuple):
    """What one page took, in milliseconds."""

    address: str
    status: int
    size: int
    milliseconds: list[float]

    def quantile(self, share: float) -> float:
        return sorted(self.milliseconds)[min(len(self.milliseconds) - 1, int(len(self.milliseconds) * share))]


def main(events: int, hours: int) -> None:
    """Measure, and print."""
    with stage(say) as where:
        port = free_port()
        place = where.place(
            "console", RECEIVER_CONSOLE=f"127.0.0.1:{port}", RECEIVER_CONSOLE_TOKEN=TOKEN, TRANSCRIBE_API_URL=API_URL
        )
        asyncio.run(fill(place.url, events, hours))
        place.start("console").until_logged("the console is at")
        url = f"http://127.0.0.1:{port}"
        cookie, addresses = pages(url)
        say(f"{'p50':>9}{'p95':>9}{'max':>9}{'KB':>8}  page")
        for address in addresses:
            found = times(port, cookie, address)
            figures = "".join(f"{found.quantile(share):>9.1f}" for share in (0.5, 0.95, 1))
            say(f"{figures}{found.size / 1000:>8.0f}  {address}{'' if found.status == 200 else f' ({found.status})'}")
        beside(where, place, url)


def say(line: str) -> None:
    """Print a line now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


# --- what is there ---------------------------------------------------------------------------------------------------


async def fill(url: str, events: int, hours: int) -> None:
    """Store events, with three jobs each, and hours of speech, and let them be searchable."""
    began, connection = time.monotonic(), await database.connect(url)
    await connection.execute("set synchronous_commit = off")
    await plans.fill(connection, events)
    await connection.execute("truncate receiver.library, receiver.archive, receiver.unindexed cascade")
    say(f"{events:,} events after {time.monotonic() - began:.0f} s")
    words = list(vocabulary())
    weights = list(accumulate(1 / (place + 2.7) for place in range(len(words))))
    chance = random.Random(1)  # noqa: S311 - it picks words
    for number in range(hours):
        said = {"id": number + 1, "status": "completed", "segments": list(hour(chance, words, weights))}
        at = f"2026-04-01T00:00:00.{number:06d}Z"
        await connection.execute(KEPT, API_URL, str(10**9 + number), at, json.dumps(said).encode(), float(number))
    await connection.close()
    async with database.pool(url, size=4) as db:
        indexing = Indexing(db)
        while await indexing.index():
            pass
        await db.execute("vacuum analyze")
        passages = await db.fetchval("select count(*) from receiver.passages")
    say(f"{hours:,} hours, {passages:,} passages after {time.monotonic() - began:.0f} s")


def vocabulary(many: int = 20_000) -> Iterator[str]:
    """Yield words, the most frequent first, as speech has them: a few everywhere, most hardly ever."""
    parts = ("ka", "ro", "mi", "ten", "sol", "ver", "ba", "lin", "du", "pre", "mon", "tal", "ser", "gu")
    chance, seen = random.Random(2), {FREQUENT, SELDOM}  # noqa: S311 - it makes words
    yield FREQUENT
    while len(seen) < many:
        word = "".join(chance.choices(parts, k=chance.randint(2, 5)))
        if word not in seen:
            seen.add(word)
            yield word
    yield SELDOM


def hour(chance: random.Random, words: list[str], weights: list[float]) -> Iterator[dict[str, object]]:
    """Yield the segments of an hour."""
    at = 0.0
    while at < 3600:
        length = chance.uniform(2, 6)
        text = " ".join(chance.choices(words, cum_weights=weights, k=int(length * 2.6) + 1))
        yield {"start_seconds": at, "end_seconds": at + length, "text": text, "speaker": chance.choice("AB")}
        at += length


# --- the pages -------------------------------------------------------------------------------------------------------


def pages(url: str) -> tuple[str, list[str]]:
    """Sign in; return the cookie, and an address for each page and download."""
    with httpx.Client(base_url=url, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30) as http:
        assert http.post("/sign-in", data={"token": TOKEN}).is_redirect
        found = crawling.crawl(http)
        for address, why in found.broken.items():
            say(f"not measured: {address} ({why})")
        cookie = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    return cookie, [*found.pages.values(), *ASKED, *found.downloads.values()]


def times(port: int, cookie: str, address: str) -> Times:
    """Ask for a page again and again, over one connection, after some requests that are not counted."""
    connection, found = http.client.HTTPConnection("127.0.0.1", port, timeout=60), list[float]()
    status = size = 0
    for _ in range(WARM + TIMES):
        began = time.perf_counter()
        connection.request("GET", address, headers={"Cookie": cookie})
        answer = connection.getresponse()
        size, status = len(answer.read()), answer.status
        found.append((time.perf_counter() - began) * 1000)
    connection.close()
    return Times(address, status, size, found[WARM:])


# --- those who deliver -----------------------------------------------------------------------------------------------


def beside(where: Stage, place: Place, url: str) -> None:
    """Deliver, in turns, with nobody on the console and with ten people, and print the times to answer."""
    port = place.web().port
    rounds = list[tuple[Came, Came]]()
    with place.working():
        for _ in range(TURNS):
            without, _ = where.send(order(port))
            with people(where, url):
                with_them, _ = where.send(order(port))
            rounds.append((without, with_them))
    say(f"{'time to answer':>20}{'nobody':>12}{f'{PEOPLE} people':>12}{'ratio':>8}")
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        pairs = [(one.quantile(share), two.quantile(share)) for one, two in rounds]
        one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
        say(f"{name:>20}{one:>9.2f} ms{two:>9.2f} ms{statistics.median(two / one for one, two in pairs):>8.2f}")
    odd = {one.odd for pair in rounds for one in pair} - {""}
    say(", ".join(odd) or f"{sum(len(one.latencies) for pair in rounds for one in pair):,} deliveries, all 2xx")


def order(port: int) -> Order:
    return Order(port, "c", A_SECOND * TURN_SECONDS, connections=16, rate=A_SECOND)


@contextmanager
def people(where: Stage, url: str) -> Iterator[None]:
    """Let people look at the console while the context is open."""
    readers = where.begin("tests.benchmarks.readers", url, TOKEN, str(PEOPLE), stdout=subprocess.PIPE)
    assert readers.stdout is not None
    assert readers.stdout.readline() == "reading\n"
    try:
        yield
    finally:
        assert readers.poll() is None, "they have looked all the time"
        readers.kill()
        readers.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.console", description="The console's pages.")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--hours", type=int, default=HOURS)
    asked = parser.parse_args()
    main(asked.events, asked.hours)
