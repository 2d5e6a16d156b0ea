"""What must stay as it is, however much there is, however long it lasts: `--long`."""

import time
from dataclasses import replace
from functools import partial

from tests.benchmarks import machine
from tests.benchmarks.answering import turn
from tests.benchmarks.asking import snapshot
from tests.benchmarks.figures import Line, Target
from tests.benchmarks.load import Order
from tests.benchmarks.stage import Place, Stage
from tests.benchmarks.turns import Run, Taken, in_turn
from tests.benchmarks.working import JOBS, OLDER, done, fill, work

EVENTS = 1_000_000  # with three jobs each
AT_ONCE = 300_000  # jobs made in one transaction
HELD_SECONDS = 300
DELIVERIES = 200_000
MOST_MEGABYTES, MOST_GROWTH = Target(90, at_least=False), Target(2, at_least=False)


def flat(stage: Stage, run: Run) -> list[Line]:
    """Compare answers and jobs a second beside a million events whose jobs are done with an empty database."""
    empty, full = stage.place("empty"), stage.place("full")
    many = run.some(EVENTS)
    stage.say(f"{many:,} events and {3 * many:,} jobs …")
    many_jobs(full.url, 3 * many, state="done", due=OLDER)
    jobs, seconds = run.some(JOBS), 2 * run.seconds
    worked = in_turn(run.rounds, {
        "empty": partial(work, stage, empty, jobs, seconds), "full": partial(work, stage, full, jobs, seconds),
    })  # fmt: skip
    servers = {"empty": empty.web(), "full": full.web()}
    turns = {name: turn(stage, run, name, server) for name, server in servers.items()}
    answers = in_turn(run.rounds + 1, turns)
    beside = f"{many:,} events, {3 * many:,} jobs"
    return [
        _line(f"answers/s at {beside}", answers["full"][1:], answers["empty"][1:]),
        _line(f"jobs/s at {beside}", worked["full"], worked["empty"]),
    ]


def _line(measure: str, full: list[Taken], empty: list[Taken]) -> Line:
    return Line(
        measure, "/s", [one.value for one in full], "an empty database", [one.value for one in empty], Target(0.85),
        max(one.strangers for one in (*full, *empty)),
        ", ".join(sorted({one.odd for one in (*full, *empty)} - {""})),
    )  # fmt: skip


def many_jobs(url: str, many: int, *, state: str = "pending", due: str = OLDER) -> None:
    """Make jobs in transactions of a bearable size."""
    for number, first in enumerate(range(0, many, AT_ONCE)):
        fill(url, min(AT_ONCE, many - first), due=due, name=f"many{number}", state=state)


def horizon(stage: Stage, run: Run) -> list[Line]:
    """Compare the jobs a second after minutes of work under an old snapshot with those before it."""
    place, held, window = stage.place("horizon"), run.some(HELD_SECONDS), 5 * run.seconds
    rate = work(stage, place, run.some(JOBS), 2 * run.seconds).value
    enough = int(1.5 * rate * (held + 3 * window)) + 3
    stage.say(f"{enough:,} jobs, then {held} s under a snapshot …")
    many_jobs(place.url, enough)
    with place.working(), machine.strangers(stage.data) as share:
        time.sleep(window)
        before = rate_of(place, window)
        with snapshot(place.url):
            time.sleep(held)
            after = rate_of(place, window)
    left = enough - done(place.url)
    note = "one turn, not alternating" + ("" if left > 0 else "; ALL JOBS WERE DONE BEFORE THE END")
    return [Line(f"jobs/s after {held} s of work under a snapshot", "/s", [after], "before the snapshot", [before],
                 Target(0.8), share(), note)]  # fmt: skip


def rate_of(place: Place, seconds: float) -> float:
    """Return the jobs a second that are done meanwhile."""
    began, before = time.monotonic(), done(place.url)
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))
    taken = time.monotonic() - began
    return (done(place.url) - before) / taken


def memory(stage: Stage, run: Run) -> list[Line]:
    """Measure the memory of a web process after many deliveries, and after as many again."""
    place, many = stage.place("memory"), run.some(DELIVERIES)
    server = place.web()
    resident, odd, shares = list[float](), set[str](), list[float]()
    for _ in range(2):
        for first in range(0, many, many_at_once := max(1, many // 10)):
            came, share = stage.send(Order(server.port, "m", min(many_at_once, many - first), seconds=3600.0))
            odd |= {f"NOT ALL 2xx: {came.odd}"} if came.odd else set()
            shares.append(share)
        resident.append(machine.memory(server.process))
    note = ", ".join(odd)
    line = Line(f"memory of a web process after {many:,} deliveries", "MB", resident[:1], target=MOST_MEGABYTES,
                strangers=max(shares), note=note)  # fmt: skip
    growth = [resident[1] - resident[0]]
    return [line, replace(line, measure=f"growth in the next {many:,}", ours=growth, target=MOST_GROWTH)]
