"""What a prune costs those who deliver: `python -m tests.benchmarks.pruning [EVENTS]`.

Some 500,000 old events with their jobs, attempts and bodies are pruned beside 50 deliveries a second. In turns, half a
minute each, the prune rests or runs: Ctrl-C ends it after a batch, and the same command goes on. So what stands beside
each other was measured beside each other. The time to answer counts from when a delivery was due.
"""

import signal
import statistics
import sys
import time

from tests.benchmarks.__main__ import say
from tests.benchmarks.asking import execute, sql
from tests.benchmarks.load import Came, Order
from tests.benchmarks.stage import Place, Stage, stage
from tests.inbox.ageing import READ
from tests.processes import until

EVENTS, AT_ONCE = 500_000, 50_000
A_SECOND, TURN_SECONDS = 50, 30
PRUNE = ("prune", "--older-than", "90d", "--yes")
FILL = """
with event as (
    insert into receiver.events (
        source, event_id, api_url, account, type, transcription_id, raw, secret_fingerprint, origin, received_at,
        last_delivered_at
    )
    select
        'transcribe.so', 'evt_old_' || n, 'http://127.0.0.1:1', 'default', 'transcription.completed', n::text,
        convert_to(repeat(md5(n::text), 40), 'UTF8'), '', 'webhook', now() - interval '100 days',
        now() - interval '100 days'
    from generate_series({first}, {last}) n
    returning id, source, api_url, account, received_at
), job as (
    insert into receiver.jobs (event, handler, source, api_url, account, state, attempt, due_at)
    select id, handler, source, api_url, account, 'done', 1, received_at
    from event
    cross join unnest(array['one', 'two', 'three']) as handler
    returning id
)
insert into receiver.attempts (job, attempt, worker, claimed_at, outcome) select id, 1, 'host/1', now(), 'done' from job
"""


def main(events: int) -> None:
    """Measure, and print."""
    with stage(say) as where:
        place = where.place("pruning")
        fill(place.url, events)
        port = place.web().port
        rounds = list[tuple[Came, Came]]()
        began, pruning = left(place.url), 0.0
        with place.working():
            while left(place.url):
                without, _ = where.send(order(port))
                took, beside = beside_a_prune(where, place, port)
                pruning += took
                rounds.append((without, beside))
                say(f"{left(place.url):,} left; p99 {without.quantile(0.99):.1f} ms, {beside.quantile(0.99):.1f} ms")
    rounds = rounds[:-1] if len(rounds) > 1 else rounds  # the last prune has ended in the middle of its turn
    lines = [f"{'time to answer':>20}{'without':>12}{'beside':>12}{'ratio':>8}"]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        pairs = [(one.quantile(share), two.quantile(share)) for one, two in rounds]
        ratio = statistics.median(two / one for one, two in pairs)
        one, two = (statistics.median(column) for column in zip(*pairs, strict=True))
        lines.append(f"{name:>20}{one:>9.2f} ms{two:>9.2f} ms{ratio:>8.2f}")
    odd = ", ".join({one.odd for pair in rounds for one in pair} - {""}) or "all 2xx"
    lines.append(f"{began:,} events pruned in {pruning:.0f} s ({began / pruning:,.0f}/s); {len(rounds)} rounds; {odd}")
    sys.stdout.write("\n".join(lines) + "\n")


def fill(url: str, events: int) -> None:
    """Store old events whose jobs are done."""
    for first in range(1, events + 1, AT_ONCE):
        execute(url, FILL.format(first=first, last=min(events, first + AT_ONCE - 1)))
    execute(url, READ)
    execute(url, "vacuum analyze")


def left(url: str) -> int:
    """Return how many old events are stored."""
    return int(sql(url, "select count(*) from receiver.events where event_id like 'evt_old_%'")[0][0])


def first(url: str) -> int | None:
    """Return the key of the oldest event."""
    key: int | None = sql(url, "select min(id) from receiver.events")[0][0]
    return key


def order(port: int) -> Order:
    return Order(port, "p", A_SECOND * TURN_SECONDS, connections=16, rate=A_SECOND)


def beside_a_prune(where: Stage, place: Place, port: int) -> tuple[float, Came]:
    """Send deliveries while a prune runs; return how long it ran, and what came. A command's start is no prune."""
    oldest = first(place.url)
    prune = place.start(*PRUNE)
    until(lambda: first(place.url) != oldest, "it prunes")
    began = time.monotonic()
    came, _ = where.send(order(port))
    prune.end(signal.SIGINT)
    return time.monotonic() - began, came


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else EVENTS)
