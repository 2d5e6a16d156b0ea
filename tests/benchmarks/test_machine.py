"""Which share of the machine is whose."""

import os
import subprocess
import sys
from pathlib import Path

from tests.benchmarks import machine
from tests.processes import linux

BUSY = "import time\nwhile time.process_time() < 0.1: pass"


@linux
def test_the_time_of_a_child_that_has_ended_is_ours(tmp_path: Path) -> None:
    before = machine.spent(tmp_path, os.getpid())
    subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert machine.spent(tmp_path, os.getpid()) - before >= 0.09


@linux
def test_memory_is_that_of_a_process() -> None:
    assert 1 < machine.memory(os.getpid()) < 10_000


@linux
def test_the_share_of_strangers_is_known_after_the_context(tmp_path: Path) -> None:
    with machine.strangers(tmp_path) as share:
        sum(range(100_000))
    assert share() >= 0
