"""Facts about a media file that the API wants to hear before it takes an upload: its type and its duration.

The duration is what the provider bills, so it is known or it is not: None means that a person has to say it. It comes
from `ffprobe` where there is one, and otherwise from the file's own structure, in the containers that tell it:

    MP3               its frames, counted: the average of the first ones is wrong for a variable bit rate, and the
                      number in the first one is wrong for joined files
    MP4, M4A, MOV     the header of the movie
    WAV, FLAC, Ogg    what tinytag makes of them, once the structure shows that it holds for the whole file

Not answered: raw AAC; a fragmented MP4, whose header was written before its media; a WAV that was piped, whose size is
made up; an Ogg of several streams, or one recorded from the middle of a broadcast; what ends before it says it does.
A file has to be what its name says: the extension chooses the reader, and the reader insists on its first bytes.
"""

import math
import os
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

from tinytag import TinyTag

from receiver.errors import ImpossibleError

FFPROBE_SECONDS = 30
CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "mpga": "audio/mpeg",
    "wav": "audio/wav",
    "m4a": "audio/mp4",
    "aac": "audio/aac",
    "ogg": "audio/ogg",
    "oga": "audio/ogg",
    "opus": "audio/ogg",  # Opus in Ogg, and the provider lists no audio/opus
    "flac": "audio/flac",
    "weba": "audio/webm",
    "webm": "video/webm",
    "mp4": "video/mp4",
    "m4v": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
}

Reader: TypeAlias = Callable[[BinaryIO], float | None]


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
        ImpossibleError: there is no such file, or it cannot be read.
    """
    if not path.is_file():  # a pipe would be waited for
        raise ImpossibleError(f"{path} is not a file: check the path")
    try:
        with path.open("rb") as file:
            seconds = _probed(path)
            return _read(_extension(path), file) if seconds is None else seconds
    except OSError as exc:
        raise ImpossibleError(f"{path} cannot be read: {exc.strerror}") from exc


def _extension(path: Path) -> str:
    return path.suffix.lower().removeprefix(".")


def _plausible(seconds: float | None) -> float | None:
    return seconds if seconds is not None and math.isfinite(seconds) and seconds > 0 else None


# --- ffprobe ---------------------------------------------------------------------------------------------------------


def _probed(path: Path) -> float | None:
    """Ask ffprobe, where there is one; None too when it says that it estimates, as it does for raw AAC and some MP3."""
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        return None
    # An absolute path cannot be taken for an option or for an address.
    command = [ffprobe, "-v", "warning", "-show_entries", "format=duration",
               "-of", "default=noprint_wrappers=1:nokey=1", str(path.absolute())]  # fmt: skip
    try:
        answer = subprocess.run(  # noqa: S603 - no shell, and the file is named by who runs us
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=FFPROBE_SECONDS, check=True
        )
        sure = b"Estimating duration" not in answer.stderr
        return _plausible(float(answer.stdout)) if sure else None
    except (OSError, subprocess.SubprocessError, ValueError):  # it cannot run, hangs, refuses the file; "N/A"
        return None


# --- the file's own structure ----------------------------------------------------------------------------------------


def _read(extension: str, file: BinaryIO) -> float | None:
    reader = READERS.get(extension)
    try:
        return None if reader is None else _plausible(reader(file))
    except (struct.error, IndexError, ValueError, ZeroDivisionError):  # it is not what it says, or ends too early
        return None


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _tag(file: BinaryIO) -> TinyTag | None:
    file.seek(0)
    try:
        return TinyTag.get(file_obj=file, tags=False)
    except Exception:  # noqa: BLE001 - a stranger's file in a stranger's parser: whatever it trips over, we do not know
        return None


def _wav_seconds(file: BinaryIO) -> float | None:
    head = _at(file, 0, 12)
    tag = _tag(file) if head[:4] == b"RIFF" and head[8:] == b"WAVE" else None
    if tag is None or tag.duration is None or tag.bitrate is None:
        return None
    # In a file that was piped the size of the samples is 0 or 4 GiB, in one cut short it is more than there is.
    return tag.duration if tag.duration * tag.bitrate * 1000 / 8 <= _size(file) else None


def _flac_seconds(file: BinaryIO) -> float | None:
    tag = _tag(file) if _at(file, 0, 4) == b"fLaC" else None
    return None if tag is None else tag.duration


# --- Ogg: https://www.rfc-editor.org/rfc/rfc3533 ---------------------------------------------------------------------

_BEGINS, _ENDS = 2, 4
_PAGE_SECONDS = 60  # 255 packets, the most on a page, of 120 ms in Opus and of less than 190 ms in Vorbis


def _ogg_seconds(file: BinaryIO) -> float | None:
    pages = list(_pages(file))
    begins = [bool(flags & _BEGINS) for flags, _ in pages]
    ended = bool(pages and pages[-1][0] & _ENDS)  # tinytag leaves the last page out where nothing says that it is
    if not ended or begins != [True] + [False] * (len(pages) - 1):
        return None
    tag = _tag(file)
    first = next((position for _, position in pages if position > 0), 0)
    if tag is None or not tag.samplerate or first / tag.samplerate > _PAGE_SECONDS:
        return None
    return tag.duration


def _pages(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield each page's flags, and the samples up to its end.

    Raises:
        ValueError: something is not a page, or the last one is cut short.
    """
    offset, size = 0, _size(file)
    while offset < size:
        magic, version, flags, position, parts = struct.unpack("<4sBBq12xB", _at(file, offset, 27))
        if magic != b"OggS" or version != 0:
            raise ValueError("not a page")
        offset += 27 + parts + sum(file.read(parts))
        yield flags, position
    if offset > size:
        raise ValueError("cut short")


# --- MP4: ISO/IEC 14496-12, and QuickTime before it ------------------------------------------------------------------


def _mp4_seconds(file: BinaryIO) -> float | None:
    if _at(file, 4, 4) != b"ftyp":
        return None
    boxes = dict(_boxes(file, 0, _size(file)))
    movie = dict(_boxes(file, *boxes.get(b"moov", (0, 0))))
    if b"moof" in boxes or b"mvex" in movie or b"mvhd" not in movie:
        return None
    header = _at(file, movie[b"mvhd"][0], 32)
    scale, length = struct.unpack_from(">IQ", header, 20) if header[0] else struct.unpack_from(">II", header, 12)
    unknown = 2**64 - 1 if header[0] else 2**32 - 1
    return None if length == unknown else float(length / scale)


def _boxes(file: BinaryIO, offset: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield each box between two offsets: its kind, and where its content starts and ends.

    Raises:
        ValueError: a box is longer than what it stands in, or has no length that a box may have.
    """
    while offset + 8 <= end:
        size, kind = struct.unpack(">I4s", _at(file, offset, 8))
        content = offset + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            content += 8
        after = offset + size if size else end  # 0: up to the end
        if not content <= after <= end:
            raise ValueError("no box has this length")
        yield kind, (content, after)
        offset = after


# --- MP3: ISO/IEC 11172-3 and 13818-3, layer III ---------------------------------------------------------------------

# kbit/s and Hz by their index in a frame's header; MPEG 2 and its lower half, 2.5, halve the rate of samples.
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HERTZ = (44100, 48000, 32000)
_HALVED = {3: 1, 2: 2, 0: 4}  # by the header's version bits; 1 is reserved
_SYNC, _LAYER_III = 0x7FF, 1
_COUNTS = (b"Xing", b"Info", b"VBRI")  # a first frame of these is about the others and plays nothing


def _mp3_seconds(file: BinaryIO) -> float | None:
    size, offset, seconds = _size(file), 0, 0.0
    while offset < size:
        head = _at(file, offset, 64)
        frame = _frame(head)
        if frame is None:
            offset += _between(head)
            continue
        length, playing = frame
        offset += length
        if offset <= size and not any(mark in head for mark in _COUNTS):
            seconds += playing
    return seconds


def _frame(head: bytes) -> tuple[int, float] | None:
    """Return a frame's length in bytes and how many seconds it plays, None where no frame of layer III starts."""
    bits = int.from_bytes(head[:4], "big")
    version, layer, rate, hertz = bits >> 19 & 3, bits >> 17 & 3, bits >> 12 & 15, bits >> 10 & 3
    known = version in _HALVED and layer == _LAYER_III and 0 < rate < len(_KBITS_1) and hertz < len(_HERTZ)
    if bits >> 21 != _SYNC or not known:
        return None
    halved = _HALVED[version]
    kbits, samples = (_KBITS_1[rate], 1152) if halved == 1 else (_KBITS_2[rate], 576)
    per_second = _HERTZ[hertz] // halved
    return samples * kbits * 125 // per_second + (bits >> 9 & 1), samples / per_second


def _between(head: bytes) -> int:
    """Return the length of what may stand before, between and after frames: tags and padding.

    Raises:
        ValueError: it is something else, so that the frames after it would be a guess.
    """
    if head[:3] == b"ID3":
        return 10 + sum(part << shift for part, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX":
        return 32 + int.from_bytes(head[12:16], "little")
    padding = len(head) - len(head.lstrip(b"\0"))
    if not padding:
        raise ValueError("neither a frame nor a tag")
    return padding


READERS: dict[str, Reader] = {
    "mp3": _mp3_seconds,
    "mpga": _mp3_seconds,
    "wav": _wav_seconds,
    "flac": _flac_seconds,
    "ogg": _ogg_seconds,
    "oga": _ogg_seconds,
    "opus": _ogg_seconds,
    "m4a": _mp4_seconds,
    "mp4": _mp4_seconds,
    "m4v": _mp4_seconds,
    "mov": _mp4_seconds,
}
