"""`health.watchdog`: a loop that answers is left alone, a stuck one ends its process, whatever the log does."""

import asyncio
import subprocess
import sys
import time

import pytest

from receiver.health.watchdog import watch
from tests.processes import WAIT_SECONDS
from tests.worker.working import until

ENDS = """
import asyncio, logging, os, threading, time
from receiver.health import watchdog

class Stopped(logging.Handler):
    def emit(self, record):
        {emits}

logging.getLogger().handlers[:] = [Stopped()]
watchdog.end("the loop is stuck", saying={saying})
"""


async def test_a_loop_that_is_blocked_is_told_of_with_its_place() -> None:
    stuck: list[str] = []

    async def block() -> None:
        longest = time.monotonic() + WAIT_SECONDS
        while not stuck and time.monotonic() < longest:
            time.sleep(0.02)  # noqa: ASYNC251 - the case

    watching = asyncio.create_task(watch(stuck=stuck.append, patience=0.2))
    await asyncio.sleep(0)
    await asyncio.create_task(block(), name="a busy task")
    watching.cancel()
    assert stuck[0].startswith(f"nothing has been answered for 0.2 s: a busy task ({__file__} line ")


async def test_a_loop_that_answers_is_left_alone() -> None:
    stuck: list[str] = []
    watching = asyncio.create_task(watch(stuck=stuck.append, patience=0.9))
    turns = 0

    async def turned() -> bool:
        nonlocal turns
        turns += 1
        return turns > 100  # 2 s: twice the patience

    await until(turned)
    watching.cancel()
    assert stuck == []


@pytest.mark.parametrize(
    ("emits", "saying"),
    [
        ("raise OSError(28, 'no space')", 60),
        ("print(record.getMessage(), flush=True)", 60),
        ("time.sleep(600)", 0.2),  # a reader that does not read
    ],
    ids=["full", "well", "hung"],
)
def test_a_process_that_is_to_end_does_whatever_the_log_does(emits: str, saying: float) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ENDS.format(emits=emits, saying=saying)], capture_output=True, timeout=WAIT_SECONDS,
        check=False, text=True,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "print" not in emits or "the loop is stuck; ending, so that another process replaces this one" in ran.stdout
