"""Which process the kernel kills first when memory runs out: a worker, then one that `up` starts again, then others."""

from contextlib import suppress
from pathlib import Path

# A score of n counts like n thousandths of all memory. A process can raise its own score, and its children inherit it.
WORKER = 500
STARTED_AGAIN = 250


def offer(process: int | str, score: int) -> None:
    """Let the kernel kill a process (a pid, or `self`) before others. Do nothing on a system without such scores."""
    with suppress(OSError, ValueError):
        file = Path(f"/proc/{process}/oom_score_adj")
        file.write_text(str(max(score, int(file.read_text()))))
