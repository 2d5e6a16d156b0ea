"""Workers are killed while they notify people; the short form of `tests/faults`."""

from receiver.failpoints import Failpoint
from tests.faults import notified
from tests.faults.notified import BAD, EVENTS
from tests.processes import Processes


def test_everybody_is_told_whoever_dies_and_a_service_that_fails_repeats_nothing_at_another(
    processes: Processes, receiver_database: str
) -> None:
    processes.environment["DATABASE_URL"] = receiver_database
    with notified.desk(processes) as desk:
        desk.dies_at(Failpoint.AFTER_HANDLER, 2)
        desk.dies_unanswered()
        repeats = len(desk.good.got) - EVENTS * desk.kills
        assert EVENTS <= repeats <= EVENTS * desk.kills, "each kill repeats what was under way at most"
        assert [row["error"] for row in processes.sql(BAD)] == ["the service answered 500"]
        assert desk.bad.got


def test_a_worker_does_not_start_with_an_address_that_it_cannot_use(
    processes: Processes, receiver_database: str
) -> None:
    processes.environment |= {
        "DATABASE_URL": receiver_database, "RECEIVER_NOTIFY": "bogus://s3cret-one, ntfy://s3cret-two",
        "RECEIVER_HANDLERS": "receiver.bundled.ready.notify",
        "PYTHONWARNINGS": "error,ignore:'imghdr' is deprecated:DeprecationWarning",
    }  # fmt: skip
    worker = processes.start("work")
    assert worker.popen.wait(60) == 1
    why = (
        "RECEIVER_NOTIFY: address 1 of 2 begins with no service that apprise knows: see https://appriseit.com/services"
    )
    assert worker.log == f"Error: {why}\n"
    checked = processes.run("check")
    assert f"!!  notify         {why}" in checked.stdout
