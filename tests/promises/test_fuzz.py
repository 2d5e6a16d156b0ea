"""Whatever a delivery looks like, it is judged rightly and kept byte for byte: the short form of `tests/faults`."""

from tests.faults.bodies import HANDLERS, deliver
from tests.faults.forgery import attack
from tests.processes import Processes


def test_no_mutation_is_misjudged() -> None:
    """Neither is anything accepted that is not authentic, nor refused that is; and nothing but its error is raised."""
    tally = attack("short", 12_000)
    assert not tally.wrong, tally.shown
    assert min(tally.outcomes[reason] for reason in ("proven", "stale", "mismatch", "malformed", "missing")) > 100


def test_every_authentic_body_is_kept_byte_for_byte(processes: Processes, receiver_database: str) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    processes.write_handlers(anything=HANDLERS)
    processes.sql("create table effects (event text)")
    web, worker = processes.serve(), processes.start("work")
    kept = deliver(processes, web, worker, seed="short", count=150)
    assert kept.harm == 0, kept
    assert min(kept.events, kept.quarantined) > 50, kept
    assert [process.end() for process in (worker, web)] == [0, 0]
