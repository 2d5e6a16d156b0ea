"""Deliver while strangers hold connections and send bad signatures, and judge what that cost."""

import json
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from receiver.database import query
from tests.processes import REPOSITORY, Process, Processes, completed, sign

PER_SECOND = 20
LANES = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the valid deliveries: how many of each answer, and the seconds that they took."""

    answers: Counter[str]
    median_seconds: float
    p99_seconds: float
    slowest_seconds: float

    def __str__(self) -> str:
        took = f"p50 {self.median_seconds:.3f} s, p99 {self.p99_seconds:.3f} s, slowest {self.slowest_seconds:.3f} s"
        return f"{dict(self.answers)}, {took}"


class Strangers:
    """`strangers` at work beside the block, in a process of their own."""

    def __init__(self, port: int, kind: str, *, seconds: float, connections: int, rate: float = 0) -> None:
        self._arguments = [kind, str(port), str(seconds), str(connections), str(rate)]

    def __enter__(self) -> Self:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.strangers", *self._arguments],
            cwd=REPOSITORY, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        assert self._popen.poll() in (None, 0), "the strangers ended"
        self._popen.kill()
        self._popen.communicate()

    def seen(self) -> dict[str, int]:
        """Wait until they are done, and return what they counted."""
        assert self._popen.stdout is not None
        counted: dict[str, int] = json.loads(self._popen.stdout.readline())
        return counted


class Client:
    """Delivers as a careful HTTP client does: a kept connection is used again unless it is seen to be closed."""

    def __init__(self, port: int) -> None:
        self._address = ("127.0.0.1", port)
        self._kept: list[socket.socket] = []
        self._lock = threading.Lock()

    def deliver(self, body: bytes, *, kept: bool) -> tuple[str, float]:
        """Deliver over a kept connection or a new one; returns the answer's status, or what befell, and the seconds."""
        head = f"POST /webhooks/transcribe-so HTTP/1.1\r\nHost: web\r\nContent-Length: {len(body)}\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in sign(body).items())
        began = time.monotonic()
        try:
            connection = (self._take() if kept else None) or socket.create_connection(self._address, timeout=30)
            connection.sendall(f"{head}{lines}\r\n".encode() + body)
            answer = b""
            while not answer.endswith(b"}"):
                if not (piece := connection.recv(65536)):
                    return "closed", time.monotonic() - began
                answer += piece
        except OSError as exc:
            return type(exc).__name__, time.monotonic() - began
        took = time.monotonic() - began
        if kept:
            with self._lock:
                self._kept.append(connection)
        else:
            connection.close()
        return answer[9:12].decode(), took

    def _take(self) -> socket.socket | None:
        with self._lock:
            while self._kept:
                connection = self._kept.pop()
                if not select.select([connection], [], [], 0)[0]:
                    return connection
                connection.close()
        return None

    def close(self) -> None:
        while self._kept:
            self._kept.pop().close()


def deliver(port: int, *, seconds: float, first: int = 0) -> Outcome:
    """Deliver 20 events a second, every other over a new connection."""
    client, began = Client(port), time.monotonic()

    def one(number: int) -> tuple[str, float]:
        time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
        return client.deliver(completed(f"evt_{first + number}"), kept=number % 2 == 0)

    with ThreadPoolExecutor(LANES) as pool:
        seen = list(pool.map(one, range(int(seconds * PER_SECOND))))
    client.close()
    took = sorted(seconds for _, seconds in seen)
    return Outcome(
        answers=Counter(answer for answer, _ in seen), median_seconds=took[len(took) // 2],
        p99_seconds=took[len(took) * 99 // 100], slowest_seconds=took[-1],
    )  # fmt: skip


class Statements:
    """What the embedded database was asked, by the first line of each statement, since this was made."""

    def __init__(self, processes: Processes) -> None:
        self._log = processes.folder / ".receiver" / "postgres.log"
        processes.sql("alter system set log_statement = 'all'")
        processes.sql("select pg_reload_conf()")
        self._start = self._log.stat().st_size

    def counted(self) -> Counter[str]:
        with self._log.open("rb") as log:
            log.seek(self._start)
            return Counter(re.findall(r"LOG:  (?:execute [^:]*|statement): (?:-- )?(.*)", log.read().decode()))

    def for_strangers(self, deliveries: int) -> int:
        """Return how many were neither a delivery's own, some of which share one, nor the process' own."""
        counted = self.counted()
        assert 0 < counted[query("inbox/append_events").partition("\n")[0].removeprefix("-- ")] <= deliveries
        for own in (
            "inbox/append_events",
            "inbox/nudge",
            "health/see_process",
            "database/set_session",
            "database/database_id",
        ):
            del counted[query(own).partition("\n")[0].removeprefix("-- ")]
        for one in ("", "WITH RECURSIVE typeinfo_tree("):  # asyncpg asks so about types, once on every new connection
            del counted[one]
        return counted.total()


def descriptors(process: Process) -> int:
    """Return how many files and connections a process has open."""
    return len(list(Path(f"/proc/{process.popen.pid}/fd").iterdir()))


def memory_mb(process: Process) -> int:
    """Return how much memory a process uses now."""
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process.popen.pid}/status").read_text())
    assert found
    return int(found[1]) // 1024
