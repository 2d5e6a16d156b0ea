"""Facts about a media file that the API wants to hear before it takes an upload: its type and its duration.

The duration is what the provider bills, so it is known or it is not: None means that a person has to say it. It comes
from the file's own structure, in the containers that tell it, and otherwise from ffprobe, where there is one:

    MP3               its frames, counted
    FLAC              its frames, followed by their numbers
    MP4, M4A, MOV     the tables of its tracks
    WAV               the size of its samples, which must be there, and all that is
    Ogg               what tinytag makes of it, once the structure shows that it holds for the whole file
    WebM, AVI         ffprobe alone

Not answered: raw AAC; a WAV that was piped, whose size is made up; an Ogg of several streams, or one recorded from the
middle of a broadcast; what ends before it says it does; two recordings in one file, whatever lies between them. Without
ffprobe: a fragmented MP4.
A file has to be what its name says: the extension chooses the reader, and the reader insists on its first bytes.
"""

import math
from pathlib import Path
from typing import BinaryIO

from receiver.errors import ImpossibleError
from receiver.submissions.media import containers, ffprobe, kinds
from receiver.submissions.media.kinds import CONTENT_TYPES

__all__ = ["CONTENT_TYPES", "another_way", "content_type", "duration_seconds"]


def content_type(path: Path) -> str:
    """Return the MIME type to upload a file with, by its name, one of those that the provider lists.

    Raises:
        ImpossibleError: the name has no extension of a format that the provider takes.
    """
    try:
        return CONTENT_TYPES[_extension(path)]
    except KeyError:
        raise ImpossibleError(
            f"{path.name} has no extension of a media file that the provider takes: {', '.join(CONTENT_TYPES)}; "
            "rename it if it is one of these, convert it if it is not"
        ) from None


def duration_seconds(path: Path) -> float | None:
    """Return how long a media file plays, None where that would be a guess. Blocks, for half a minute at the most.

    Raises:
        ImpossibleError: there is no such file, it cannot be read, or it is another kind of file than its name says.
    """
    if not path.is_file():  # a pipe would be waited for
        raise ImpossibleError(f"{path} is not a file: check the path")
    container = kinds.container(_extension(path))
    try:
        with path.open("rb") as file:
            _require(path, container, file)
            seconds = _read(container, file)
            return _plausible(ffprobe.seconds(path, container)) if seconds is None else seconds
    except kinds.JoinedError:
        return None
    except OSError as exc:
        raise ImpossibleError(f"{path} cannot be read: {exc.strerror}") from exc


def another_way(path: Path) -> str:
    """Return what else might tell how long a file plays, as the end of a sentence; nothing where nothing might."""
    helps = _extension(path) != "aac" and not ffprobe.is_there()
    return ", or install ffmpeg, whose ffprobe may tell" if helps else ""


def _require(path: Path, container: str, file: BinaryIO) -> None:
    """Do nothing where a file may be what its name says.

    Raises:
        ImpossibleError: it is something else.
    """
    try:
        found = kinds.found(file)
    except ValueError:  # too short to be anything
        return
    if found not in (None, container) and _extension(path) in CONTENT_TYPES:
        raise ImpossibleError(
            f"{path.name} is {kinds.NAMES[found]} by its content: rename it to {path.stem}.{found}, so that the "
            "provider is told what it is"
        )


def _read(container: str, file: BinaryIO) -> float | None:
    reader = containers.READERS.get(container)
    try:
        return None if reader is None else _plausible(reader(file))
    except containers.MISTAKES:  # it is not what it says, or ends too early
        return None


def _plausible(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) and seconds > 0 else None


def _extension(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")
