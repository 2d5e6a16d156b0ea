"""Which machine this is, and which share of it others had: `with strangers() as share: …`, then `share()`."""

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
LIBRARIES = ("asyncpg", "h11", "httptools", "starlette", "uvicorn", "uvloop", "pgqueuer", "procrastinate")
IDLE, IOWAIT, STEAL = 3, 4, 7


def words() -> dict[str, str]:
    """Return what a figure depends on, besides our code."""
    return {
        "machine": f"{os.cpu_count()} x {_processor()}, Linux {platform.release()}",
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join(f"{name} {version}" for name in LIBRARIES if (version := _version(name))),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version(name: str) -> str | None:
    with suppress(metadata.PackageNotFoundError):
        return metadata.version(name)
    return None


@contextmanager
def strangers(data: Path) -> Iterator[Callable[[], float]]:
    """Yield a function that returns, after the context, the share of the machine that strangers had in it.

    Our own are this process, what descends from it, and the database of the data folder, whose keeper is nobody's
    child.
    """
    shares = list[float]()
    began, busy, ours = time.monotonic(), _busy(), spent(data, os.getpid())
    yield lambda: shares[0]
    theirs = _busy() - busy - (spent(data, os.getpid()) - ours)
    shares.append(max(0.0, theirs / (time.monotonic() - began) / (os.cpu_count() or 1)))


def _busy() -> float:
    """Return the seconds that the processors have worked so far, or were kept from it by another machine."""
    fields = [int(one) for one in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    return sum(many for place, many in enumerate(fields[: STEAL + 1]) if place not in (IDLE, IOWAIT)) / TICKS


def spent(data: Path, *processes: int) -> float:
    """Return the processor time so far, in seconds, of some processes, of their descendants and of the database.

    That of ended children is counted with their parent, who keeps it.
    """
    parents, times = dict[int, int](), dict[int, float]()
    found = set(processes)
    database = (data / "postgres").resolve()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            number = int(process.name)
            parents[number] = int(fields[1])
            times[number] = sum(map(int, fields[11:15])) / TICKS
            if (process / "cwd").resolve() == database:
                found.add(number)
    while more := {number for number, parent in parents.items() if parent in found} - found:
        found |= more
    return sum(times.get(number, 0.0) for number in found)


def memory(number: int) -> float:
    """Return the resident memory of a process, in MB."""
    for line in Path(f"/proc/{number}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(number)
