"""Whom the kernel kills first when memory runs out: who runs handlers, then who can be started again, then the rest."""

from contextlib import suppress
from pathlib import Path

# Of 1,000, each as good as a thousandth of all memory. Anyone may raise his own, and it is inherited.
WORKER = 500
STARTED_AGAIN = 250


def offer(process: int | str, score: int) -> None:
    """Have the kernel choose a process (a pid, or `self`) before others; does nothing where that cannot be said."""
    with suppress(OSError, ValueError):
        file = Path(f"/proc/{process}/oom_score_adj")
        file.write_text(str(max(score, int(file.read_text()))))
