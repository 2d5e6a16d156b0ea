"""Ask ffprobe how long a file plays, and whether the file has what it says.

What ffprobe calls the duration is often what the header says, also where the download broke off in the middle. So it is
asked as well when the last packet of the end is over, and believed where both agree.

The file chooses nothing: it is read as the kind that its name says, so that a playlist is none, and nothing but files.
"""

import os
import shutil
import subprocess
from pathlib import Path

from receiver.settings import inherited

SECONDS = 15  # each of two questions
_DEMUXERS = {"mp4": "mov", "webm": "matroska"}
_END_SECONDS = 10.0


def is_there() -> bool:
    """Whether there is an ffprobe."""
    return shutil.which("ffprobe") is not None


def seconds(path: Path, container: str) -> float | None:
    """Return how long a file plays, None where ffprobe does not know, guesses, or finds another end than it says."""
    told = _asked(path, container, "-show_entries", "format=start_time,duration")
    if told is None:
        return None
    facts = _facts(told[-1] if told else "")
    duration = _number(facts.get("duration"))
    if duration is None:
        return None
    start = _number(facts.get("start_time")) or 0.0
    interval = f"{max(0.0, start + duration - _END_SECONDS):f}%"
    packets = _asked(
        path, container, "-show_entries", "packet=pts_time,dts_time,duration_time", "-read_intervals", interval
    )
    end = max(map(_end, map(_facts, packets or ())), default=0.0)
    off = min(abs(start + duration - end), abs(duration - end))
    return duration if off <= 1 + duration / 100 else None


def _asked(path: Path, container: str, *question: str) -> list[str] | None:
    """Return the lines of an answer, None where there is none or it says that it estimates, as for raw AAC."""
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        return None
    command = [
        ffprobe, "-v", "warning", "-protocol_whitelist", "file", "-f", _DEMUXERS.get(container, container), *question,
        "-of", "compact=print_section=0", "-i", f"file:{path.absolute()}",
    ]  # fmt: skip
    try:
        answer = subprocess.run(  # noqa: S603 - no shell, and the file is named by who runs us
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=True,
            env=inherited.plain(os.environ),
        )
        return None if b"Estimating duration" in answer.stderr else answer.stdout.decode().splitlines()
    except (OSError, subprocess.SubprocessError, ValueError):  # it cannot run, hangs, refuses the file
        return None


def _facts(line: str) -> dict[str, str]:
    return {name: value for name, _, value in (fact.partition("=") for fact in line.split("|"))}


def _end(packet: dict[str, str]) -> float:
    at = _number(packet.get("pts_time"))
    if at is None:
        at = _number(packet.get("dts_time")) or 0.0
    return at + (_number(packet.get("duration_time")) or 0.0)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:  # N/A
        return None
