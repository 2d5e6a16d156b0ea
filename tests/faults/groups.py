"""Control groups: what the processes in one may have together, as a container's limits are."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.processes import until

ROOT = Path("/sys/fs/cgroup")
# Of a controller, in the first version and in the second: what is held, and what may be.
FILES = {
    "pids": (("pids.current", "pids.max"), ("pids.current", "pids.max")),
    "memory": (("memory.usage_in_bytes", "memory.limit_in_bytes"), ("memory.current", "memory.max")),
}


@dataclass(frozen=True, slots=True)
class Group:
    """A group of our own for one controller."""

    path: Path
    held_in: str
    limit_in: str
    unlimited: str

    @property
    def by(self) -> tuple[str, ...]:
        """A command that goes into the group, and becomes what follows it."""
        return ("sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$0" "$@"')

    def held(self) -> int:
        """Return how many threads, or bytes, its processes hold."""
        return int((self.path / self.held_in).read_text())

    def cached(self) -> int:
        """Return how many of the bytes are files', which the kernel gives up when they are needed."""
        lines = dict(line.split() for line in (self.path / "memory.stat").read_text().splitlines())
        return int(lines.get("inactive_file", 0)) + int(lines.get("active_file", 0))

    @contextmanager
    def limited(self, most: int) -> Iterator[None]:
        """Let its processes have no more, for as long as the block runs."""
        limit = self.path / self.limit_in
        limit.write_text(str(most))
        try:
            yield
        finally:
            limit.write_text(self.unlimited)


@contextmanager
def group(controller: Literal["pids", "memory"]) -> Iterator[Group]:
    """Yield a new group, and end what is left in it; skips the test where none can be made."""
    first, second = FILES[controller]
    own = dict(_own())
    if controller in own:
        above, (held, limit), unlimited = ROOT / controller, first, "max" if controller == "pids" else "-1"
    else:
        above, (held, limit), unlimited = ROOT, second, "max"
    path = above / own.get(controller, own.get("", "")).lstrip("/") / f"receiver-test-{os.getpid()}"
    try:
        path.mkdir()
    except OSError as exc:
        pytest.skip(f"no control group can be made here: {exc}")
    try:
        if not (path / limit).exists():
            pytest.skip(f"control groups do not limit {controller} here")
        yield Group(path, held, limit, unlimited)
    finally:
        until(lambda: _removed(path), "the group's processes have ended")


def _own() -> Iterator[tuple[str, str]]:
    """Yield each controller and the group that we are in; of the second version there is one, without a name."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            yield from ((one, path) for one in controllers.split(","))


def _removed(path: Path) -> bool:
    with suppress(OSError):
        for pid in (path / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)
        path.rmdir()
    return not path.exists()
