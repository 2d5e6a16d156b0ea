"""Handlers on the command line: their columns hold, and one that cannot work lets no worker start."""

from tests.processes import Processes

MINE = """
from receiver import handler

@handler("a.b")
def few(event, ctx): ...

@handler("separation.completed", "enhancement.completed", "translation.completed", "diarization.failed", timeout=9)
def many(event, ctx): ...

@handler("c.d", name="notify:" + "x" * 40)
def long(event, ctx): ...
"""


def test_what_has_no_room_in_its_column_goes_on_below(processes: Processes) -> None:
    processes.write_handlers(mine=MINE)
    printed = processes.run("handlers").stdout.splitlines()
    named = {line.split()[0]: line for line in printed if not line.startswith(" ")}
    assert {line.index("handlers/mine.py") for line in named.values()} == {named["few"].index("handlers/mine.py")}
    assert {line.index(" tries of ") for line in named.values()} == {named["few"].index(" tries of ")}
    column = named["few"].index("a.b")
    below = printed[printed.index(named["many"]) :][:4]
    assert " ".join(line[column : column + 40].strip() for line in below) == (
        "separation.completed, enhancement.completed, translation.completed, diarization.failed"
    )


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
