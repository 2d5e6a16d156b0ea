"""Ask ffprobe how long a file plays, and check the answer against the end of the file.

Ffprobe often gives the duration from the header, even if a download broke off in the middle. So it is also asked for
the end of the last packet. The duration counts only if both agree.

The content of a file decides nothing: ffprobe reads it as the kind that its name says, not as a playlist, and opens
nothing but files.
"""

import os
import shutil
import subprocess
from pathlib import Path

from receiver.settings import inherited

SECONDS = 15  # for each of two questions
_DEMUXERS = {"mp4": "mov", "webm": "matroska"}
_END_SECONDS = 10.0


def is_installed() -> bool:
    """Whether ffprobe is installed."""
    return shutil.which("ffprobe") is not None


def seconds(path: Path, container: str) -> float | None:
    """Return how long a file plays; None if ffprobe does not know, guesses, or finds another end."""
    lines = _ask(path, container, "-show_entries", "format=start_time,duration")
    if lines is None:
        return None
    facts = _facts(lines[-1] if lines else "")
    duration = _number(facts.get("duration"))
    if duration is None:
        return None
    start = _number(facts.get("start_time")) or 0.0
    interval = f"{max(0.0, start + duration - _END_SECONDS):f}%"
    packets = _ask(
        path, container, "-show_entries", "packet=pts_time,dts_time,duration_time", "-read_intervals", interval
    )
    end = max(map(_end, map(_facts, packets or ())), default=0.0)
    off = min(abs(start + duration - end), abs(duration - end))
    return duration if off <= 1 + duration / 100 else None


def _ask(path: Path, container: str, *question: str) -> list[str] | None:
    """Return the lines of ffprobe's answer; None if there is none, or it is an estimate, as for raw AAC."""
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        return None
    command = [
        ffprobe, "-v", "warning", "-protocol_whitelist", "file", "-f", _DEMUXERS.get(container, container), *question,
        "-of", "compact=print_section=0", "-i", f"file:{path.absolute()}",
    ]  # fmt: skip
    try:
        answer = subprocess.run(  # noqa: S603 - no shell, and our user names the file
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=True,
            env=inherited.plain(os.environ),
        )
        return None if b"Estimating duration" in answer.stderr else answer.stdout.decode().splitlines()
    except (OSError, subprocess.SubprocessError, ValueError):  # ffprobe cannot run, hangs, or refuses the file
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
