"""`receiver handlers`: its columns hold, however much a handler wants."""

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
