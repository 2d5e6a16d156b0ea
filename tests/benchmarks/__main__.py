"""Measure everything beside something else, and print the table: `.venv/bin/python -m tests.benchmarks`.

The ratios are what counts: each is of neighbours in time on one machine. Nothing is asserted. See README.md.
"""

import argparse
import json
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from tests.benchmarks import answering, figures, lasting, machine, plot, starting, storing, working
from tests.benchmarks.figures import Line
from tests.benchmarks.stage import Stage, stage
from tests.benchmarks.turns import Run

USUAL, QUICK = Run(), Run(rounds=2, seconds=0.3, scale=0.05)
Measure: TypeAlias = Callable[[Stage, Run], list[Line]]
MEASURES: dict[str, Measure] = {
    "answers": answering.rates,
    "times": answering.times,
    "starts": answering.starts,
    "jobs": working.jobs,
    "pairs": answering.pairs,
    "spans": answering.spans,
    "up": starting.up,
    "transcripts": storing.transcripts,
}
LONG: dict[str, Measure] = {
    "flat": lasting.flat,
    "horizon": lasting.horizon,
    "memory": lasting.memory,
}
ON_DISK: dict[str, Measure] = {"answers": answering.rates_on_disk}


def main() -> None:
    asked = _asked()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what we have started is ended
    run = replace(QUICK if asked.quick else USUAL, by_wrk=asked.wrk)
    measures = (LONG if asked.long else MEASURES, {} if asked.long or asked.quick else ON_DISK)
    lines = list[Line]()
    try:
        for found in measured(run, asked.only, *measures):
            line = replace(found, target=None) if asked.quick else found  # a short turn says nothing about a target
            lines.append(line)
            say(" | ".join(line.cells()))
    except KeyboardInterrupt:
        sys.exit(130)
    finally:  # also what was measured before a Ctrl-C
        report(asked, lines)


def report(asked: argparse.Namespace, lines: Sequence[Line]) -> None:
    """Print the table, and write the files that were asked for."""
    words = machine.words() | {"command": " ".join(["python -m tests.benchmarks", *sys.argv[1:]])}
    sys.stdout.write(f"{figures.said(words)}\n\n{figures.table(lines)}\n")
    if asked.json:
        asked.json.write_text(json.dumps(words | {"lines": [line.to_json() for line in lines]}, indent=1) + "\n")
    if asked.plot:
        asked.plot.write_text(plot.picture(lines, words))


def measured(run: Run, only: str, in_memory: Mapping[str, Measure], on_disk: Mapping[str, Measure]) -> Iterator[Line]:
    """Carry out the measures with `only` in their names; stop at none that fails."""
    for is_in_memory, measures in ((True, in_memory), (False, on_disk)):
        chosen = {name: measure for name, measure in measures.items() if only in name}
        for name, measure in chosen.items():
            say(f"{name}{'' if is_in_memory else ', on a disk'} …")
            try:
                with stage(say, in_memory=is_in_memory) as where:
                    yield from measure(where, run)
            except Exception as exc:  # noqa: BLE001 - the others can be measured all the same
                traceback.print_exc()
                yield Line(name, "", (), note=f"FAILED: {exc!r}")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Ratios, measured side by side.")
    parser.add_argument("--quick", action="store_true", help="short turns and few jobs: says that everything runs")
    parser.add_argument("--long", action="store_true", help=f"what lasts instead: {', '.join(LONG)}")
    parser.add_argument("--wrk", action="store_true", help="let wrk ask for answers as fast as they come, not us")
    parser.add_argument("--only", default="", metavar="NAME", help=f"of {', '.join(MEASURES)}: those with this in it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures of each round too")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios and the targets as SVG")
    asked = parser.parse_args()
    if asked.wrk and shutil.which("wrk") is None:
        parser.error("there is no program `wrk` on PATH")
    return asked


def say(text: str) -> None:
    """Tell how far we are."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


if __name__ == "__main__":
    main()
