"""Workers are killed at every step of a forwarded event; the short form of `tests/faults`."""

from tests.faults import forwarded
from tests.faults.forwarded import BAD, STEPS
from tests.processes import Processes


def test_an_app_gets_every_event_whoever_dies_and_one_that_fails_repeats_nothing_at_it(
    processes: Processes, receiver_database: str
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with forwarded.office(processes) as office:
        for point in STEPS:
            office.dies_at(point, 2)
        office.dies_unanswered()
        failed = processes.sql(BAD)
        assert {row["error"] for row in failed} <= {"bad answered 500", None}
        assert len({got.id for got in office.bad.got}) == len(failed) == 3 * office.kills
        repeats = len(office.good.got) - len(failed)
        assert 0 < repeats <= 3 * office.kills, "each kill repeats what was under way at most"
