"""Workers that are killed at every step of a submission, and the next worker, which has to make it good.

The ledger of the simulated providers is the judge of what was paid for, the database and the disk of what is left.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from receiver.failpoints import Failpoint
from tests.faults.gateway import Holding
from tests.faults.submissions import DONE, OPENAI, THUNDERSCRIBE, TIMBR_AUDIO, TRANSCRIBE, UNKNOWN, Asking, Office
from tests.processes import Process, until

SEPARATION = replace(TIMBR_AUDIO, operation="separation")
FILES = "/timbr-audio/storage/jobs/*"
PAYING = (THUNDERSCRIBE, OPENAI, SEPARATION, TRANSCRIBE)
WISHES = ("ask", "again")
KILLED = {"RECEIVER_LEASE_SECONDS": "1", "RECEIVER_CALLS": "8"}
# The answer is there, and its transaction is open.
SLEEPS = """
    create function public.sleeps() returns trigger language plpgsql
    as 'begin perform pg_sleep(3); return new; end'
"""
SLEEP = """
    create trigger sleeps before update on receiver.submissions for each row
    when (old.state = 'sent' and new.state in ('accepted', 'ended')) execute function public.sleeps()
"""
WAKE = "drop trigger sleeps on receiver.submissions"
ASLEEP = "select 1 from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"


@dataclass(frozen=True, slots=True)
class Rest:
    """Where a submission rests, and how often it was paid for."""

    state: str
    charges: int


def expected(asking: Asking, wish: str, *, is_begun: bool) -> Rest:
    """Return how a submission rests whose answer was lost; `is_begun`: whether the provider carried it out."""
    if asking.repeats or (asking.finds and is_begun):
        return Rest(DONE, 1)
    if wish == "again":
        return Rest(DONE, 1 + is_begun)
    return Rest(UNKNOWN, int(is_begun))


class Deaths:
    """Rounds of submissions, each of which a worker dies over; `tally` counts what became of them."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.tally = Counter[str]()
        self._numbers = count(1)

    @contextmanager
    def over(self, wish: str, rests: Mapping[Asking, Rest]) -> Iterator[Sequence[str]]:
        """Submit to each of these, yield to whoever dies over it, and judge what the next worker makes of it."""
        number, before = next(self._numbers), self.office.charges()
        submitted = {
            self.office.submit(asking, f"huge-stem-3mb {number} {asking.source}", "--if-lost", wish): asking
            for asking in rests
        }
        yield [*submitted]
        worker = self.office.work(**KILLED)
        found = self.office.rested(submitted)
        billed = self.office.charges() - before
        seen = {asking: Rest(found[one]["state"], billed[asking.source]) for one, asking in submitted.items()}
        assert seen == rests, (seen, [(row["id"], row["error"]) for row in found.values()])
        self._judge_ends({one: row["state"] for one, row in found.items()})
        until(lambda: not self.left(), f"nothing is left: {self.left()}", 10)
        worker.kill()
        self.tally += Counter(f"{one.state}, {one.charges} paid" for one in seen.values())

    def dies(self, worker: Process) -> None:
        worker.kill()
        self.tally["kills"] += 1

    def left(self) -> list[Path]:
        """Return what is left on the disk of submissions that are over."""
        folder = self.office.processes.folder / ".receiver"
        return [*folder.rglob("*.part*"), *folder.rglob("waiting/*")]

    def _judge_ends(self, states: Mapping[str, str]) -> None:
        unknown = {one for one, state in states.items() if state == UNKNOWN}
        shown = {one["id"] for one in self.office.commands.read("submissions", "--state", "unknown")}
        assert shown == unknown
        for one in unknown:
            assert self.events(one) == ["submission.unknown"]
            self.office.commands.good("resolve", one, "--give-up")
        if unknown:
            self.office.rested(unknown)
        for one in states:
            before = ["submission.unknown"] if one in unknown else []
            (*others, end) = self.events(one)
            assert (others, end.split(".")[1]) == (before, "failed" if one in unknown else "completed")

    def events(self, submission: str) -> list[str]:
        """Return the types of the events about a submission."""
        sql = f"select type from receiver.events where event_id like 'evt_{submission}%' order by id"
        return [row["type"] for row in self.office.processes.sql(sql)]


def held(deaths: Deaths, holding: Holding, wish: str) -> None:
    """A worker dies while the requests that are paid for are under way."""
    office = deaths.office
    is_begun = holding != "deaf"
    with deaths.over(wish, {one: expected(one, wish, is_begun=is_begun) for one in PAYING}):
        for asking in PAYING:
            office.gateway.plan(asking.pays, holding, 1, method="POST")
        worker = office.work(**KILLED)
        until(lambda: office.gateway.held == len(PAYING), "all of them are under way")
        deaths.dies(worker)
        _let_go(office)


def keeping(deaths: Deaths, wish: str) -> None:
    """A worker dies in the transactions that keep the answers."""
    office = deaths.office
    with deaths.over(wish, {one: expected(one, wish, is_begun=True) for one in PAYING}):
        office.processes.sql(SLEEP)
        worker = office.work(**KILLED)
        until(lambda: len(office.processes.sql(ASLEEP)) == len(PAYING), "all of the answers are being kept")
        deaths.dies(worker)
        office.processes.sql(WAKE)


def repeating(deaths: Deaths, holding: Holding, wish: str) -> None:
    """A worker dies while a request is under way, and the next one while it is repeated."""
    office = deaths.office
    with deaths.over(wish, {TRANSCRIBE: Rest(DONE, 1)}):
        for what in ("late", holding):
            office.gateway.plan(TRANSCRIBE.pays, what, 1, method="POST")
            worker = office.work(**KILLED)
            until(lambda: office.gateway.held == 1, "it is under way")
            deaths.dies(worker)
            _let_go(office)


def fetching(deaths: Deaths, wish: str, skip: int) -> None:
    """A worker dies when half of a file is here, the first or the second one."""
    office = deaths.office
    with deaths.over(wish, {SEPARATION: Rest(DONE, 1)}):
        office.gateway.plan(FILES, "half", 1, skip=skip)
        worker = office.work(**KILLED)

        def is_fetching() -> bool:
            office.hurry_looks()
            return office.gateway.held == 1 and any(path.suffix == ".part" for path in deaths.left())

        until(is_fetching, "half of it is here")
        deaths.dies(worker)
        _let_go(office)


def reaching(deaths: Deaths, asking: Asking, point: Failpoint, nth: int, wish: str) -> None:
    """A worker dies at a failpoint."""
    office = deaths.office
    with deaths.over(wish, {asking: Rest(DONE, 1)}):
        worker = office.work(**KILLED, RECEIVER_FAILPOINT=f"{point}:{nth}")

        def is_dead() -> bool:
            office.hurry_looks()
            return worker.popen.poll() is not None

        until(is_dead, "it is dead")
        assert (worker.popen.returncode, f"killed at {point}\n" in worker.log) == (-9, True), worker.log
        deaths.tally["kills"] += 1


def _let_go(office: Office) -> None:
    office.gateway.let_go()
    until(lambda: not office.gateway.held, "nothing is held")
