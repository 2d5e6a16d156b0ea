"""The facts about a media file that the provider wants before an upload: its type and its duration.

The provider bills the duration, so it is never guessed: None means that a person must give it. It comes from the
structure of the file, or else from ffprobe, if that is installed:

    MP3               its frames, counted
    FLAC              its frames, followed by their numbers
    MP4, M4A, MOV     the tables of its tracks
    WAV               the size of its samples, if they are complete
    Ogg               tinytag, if the structure shows that its answer holds for the whole file
    WebM, AVI         ffprobe alone

kinds             which of these a file is, by its name and its first bytes
containers        what MP4, WAV and Ogg state
flac, mp3         their frames, counted

The answer is None for raw AAC; for a WAV from a pipe, whose header has a made-up size; for an Ogg of several streams,
or from the middle of a broadcast; for a file that ends too early; for two recordings in one file, whatever is
between them; and without ffprobe for a fragmented MP4.
A file must be what its name says: the extension chooses the reader, and the reader checks the first bytes.
"""

import math
from pathlib import Path
from typing import BinaryIO

from receiver.errors import ImpossibleError
from receiver.submissions.media import containers, ffprobe, kinds
from receiver.submissions.media.kinds import CONTENT_TYPES

__all__ = ["CONTENT_TYPES", "another_way", "content_type", "duration_seconds"]


def content_type(path: Path) -> str:
    """Return the MIME type for the upload of a file, by its name. The provider lists these types.

    Raises:
        ImpossibleError: the name has no extension of a format that the provider accepts.
    """
    try:
        return CONTENT_TYPES[_extension(path)]
    except KeyError:
        raise ImpossibleError(
            f"{path.name} has no extension of a media file that the provider accepts: {', '.join(CONTENT_TYPES)}; "
            "rename it if it is one of these, convert it if it is not"
        ) from None


def duration_seconds(path: Path) -> float | None:
    """Return how long a media file plays, None if that would be a guess. It blocks for at most half a minute.

    Raises:
        ImpossibleError: there is no such file, it cannot be read, or it is another kind of file than its name says.
    """
    if not path.is_file():  # reading a pipe would wait
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
    """Return the end of a sentence: another way to learn how long a file plays. It is empty if there is none."""
    helps = _extension(path) != "aac" and not ffprobe.is_installed()
    return ", or install ffmpeg so that ffprobe can try" if helps else ""


def _require(path: Path, container: str, file: BinaryIO) -> None:
    """Refuse a file that is not what its name says.

    Raises:
        ImpossibleError: its content is of another kind.
    """
    try:
        found = kinds.found(file)
    except ValueError:  # too short to be anything
        return
    if found not in (None, container) and _extension(path) in CONTENT_TYPES:
        raise ImpossibleError(
            f"{path.name} is {kinds.NAMES[found]} by its content: rename it to {path.stem}.{found}, so that the "
            "provider reads it correctly"
        )


def _read(container: str, file: BinaryIO) -> float | None:
    reader = containers.READERS.get(container)
    try:
        return None if reader is None else _plausible(reader(file))
    except containers.MISTAKES:  # the file is of another kind, or ends too early
        return None


def _plausible(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) and seconds > 0 else None


def _extension(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")
