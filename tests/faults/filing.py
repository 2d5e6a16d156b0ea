"""A worker dies while it writes files: at each call by which it writes them, or before and after it is done."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from receiver.failpoints import Failpoint
from tests.commands import Simulated
from tests.processes import Processes, Web, completed, until

# Kills its process at the n-th call that the handler makes of a function that is not Python's.
DYING = """
import os
import signal
import threading
from itertools import count

from receiver import handler

AT = int(os.environ.get("DIES_AT", "0"))
calls = count(1)


def look(frame, event, argument):
    if event == "c_call" and frame.f_code.co_filename.endswith("ready/_folder.py") and next(calls) == AT:
        os.write(2, b"killed while it wrote files\\n")
        os.kill(os.getpid(), signal.SIGKILL)


if AT:
    threading.setprofile(look)


@handler("nothing.comes")
def dying(event, ctx): ...
"""
AROUND = (
    Failpoint.AFTER_CLAIM, Failpoint.IN_HANDLER, Failpoint.BEFORE_COMPLETING_COMMIT, Failpoint.AFTER_COMPLETING_COMMIT,
    Failpoint.AFTER_HANDLER,
)  # fmt: skip
LEFT = """
select count(*) as names, (select count(*) from receiver.jobs where state <> 'done') as jobs from receiver.file_names
"""


class Desk:
    """A web process, and a folder that workers write files into."""

    def __init__(self, processes: Processes, web: Web, place: Path) -> None:
        self.place = place
        self.whole: dict[str, bytes] = {}
        self._processes, self._web = processes, web
        self._delivered = 0

    def die(self, **environment: str) -> bool:
        """Let a worker die over an event, and another one heal it. Return whether one has died."""
        shutil.rmtree(self.place, ignore_errors=True)
        self._processes.sql("delete from receiver.file_names")
        self._delivered += 1
        assert self._web.deliver(completed(f"evt_{self._delivered}")).status_code == 200
        worker = self._processes.start("work", **environment)
        until(lambda: worker.popen.poll() is not None or self._is_done(), "it has died, or is done")
        died = worker.end() == -9  # it might have died since
        if died:
            assert "killed " in worker.log
            seen = {name: content for name, content in self.files().items() if not Path(name).name.startswith(".")}
            assert seen.items() <= self.whole.items()
        fresh = self._processes.start("work")
        until(self._is_done, "a fresh worker has done the rest")
        fresh.kill()
        self.whole = self.whole or self.files()
        assert self.files() == self.whole
        assert [dict(row) for row in self._processes.sql(LEFT)] == [{"names": 1, "jobs": 0}]
        return died

    def files(self) -> dict[str, bytes]:
        found = [path for path in self.place.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.place)): path.read_bytes() for path in found}

    def _is_done(self) -> bool:
        return self._processes.unfinished() == 0


@contextmanager
def opened(processes: Processes, database: str, sandbox: Simulated) -> Iterator[Desk]:
    """Yield a desk that knows what whole files are."""
    place = processes.folder / "vault" / "talks"
    processes.write_handlers(dying=DYING)
    processes.environment |= {
        "DATABASE_URL": database, "TRANSCRIBE_API_URL": sandbox.url, "TRANSCRIBE_API_KEY": sandbox.key,
        "RECEIVER_FILES": str(place), "RECEIVER_FILES_FORMATS": "md,txt,srt", "RECEIVER_FILES_NAME": "{source}/{id}",
        "RECEIVER_LEASE_SECONDS": "1",
    }  # fmt: skip
    desk = Desk(processes, processes.serve(), place)
    assert not desk.die()
    assert set(desk.whole) == {f"transcribe.so/4821.{ending}" for ending in ("md", "txt", "srt")}
    yield desk


def at_steps(desk: Desk, steps: Iterable[int]) -> int:
    """Let a worker die at each of these calls. Return how many have died: the last ones are never made."""
    return sum(desk.die(DIES_AT=str(step)) for step in steps)


def around(desk: Desk, points: Iterable[Failpoint]) -> None:
    """Let a worker die at each of these points."""
    for point in points:
        assert desk.die(RECEIVER_FAILPOINT=str(point)), point
