"""Measure everything beside something else, and print the table: `.venv/bin/python -m tests.benchmarks`.

The ratios are what counts: each is of neighbours in time on one machine. Nothing is asserted. See README.md.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.benchmarks import answering, figures, machine, starting, storing, working
from tests.benchmarks.figures import Line
from tests.benchmarks.stage import Run, Stage, stage

USUAL, QUICK = Run(), Run(rounds=5, seconds=0.5, scale=0.1)
MEASURES: dict[str, Callable[[Stage, Run], list[Line]]] = {
    "answers": answering.rates,
    "times": answering.times,
    "starts": answering.starts,
    "jobs": working.jobs,
    "pairs": answering.pairs,
    "up": starting.up,
    "transcripts": storing.transcripts,
}
ON_DISK = {"answers": answering.rates_on_disk}


def main() -> None:
    asked = _asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what we have started is ended
    run = QUICK if asked.quick else USUAL
    lines = list[Line]()
    for in_memory, measures in ((True, MEASURES), (False, ON_DISK)):
        chosen = {name: measure for name, measure in measures.items() if asked.only in name}
        if not chosen:
            continue
        with stage(say, in_memory=in_memory) as where:
            for name, measure in chosen.items():
                say(f"{name}{'' if in_memory else ', on a disk'} …")
                lines += measure(where, run)
    words = machine.words() | {"command": " ".join(["python -m tests.benchmarks", *sys.argv[1:]])}
    sys.stdout.write(f"{figures.said(words)}\n\n{figures.table(lines)}\n")
    if asked.json:
        asked.json.write_text(json.dumps(words | {"lines": [line.to_json() for line in lines]}, indent=1) + "\n")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Ratios, measured side by side.")
    parser.add_argument("--quick", action="store_true", help="one minute: short turns and few jobs")
    parser.add_argument("--only", default="", metavar="NAME", help=f"of {', '.join(MEASURES)}: those with this in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of each round too")
    return parser.parse_args()


def say(text: str) -> None:
    """Tell how far we are."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


if __name__ == "__main__":
    main()
