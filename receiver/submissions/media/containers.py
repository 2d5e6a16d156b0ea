"""Read from the structure of a file how long it plays, for the containers that state it.

A reader returns the seconds of the content, or None if that would be a guess. It raises one of `MISTAKES` for a file of
another kind. The numbers of a header count only if the file has the bytes for them. Two recordings in one file, one
after the other, are a `JoinedError`, and then ffprobe is not asked either. Joined MP3s are no error: players play every
frame, so their length is the sum.
"""

import itertools
import os
import re
import struct
import sys
from array import array
from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeAlias

from tinytag import TinyTag

from receiver.submissions.media import flac, kinds, mp3
from receiver.submissions.media.kinds import JoinedError

Reader: TypeAlias = Callable[[BinaryIO], float | None]
MISTAKES = (struct.error, LookupError, ValueError, ZeroDivisionError)


def _size(file: BinaryIO) -> int:
    return file.seek(0, os.SEEK_END)


def _tag(file: BinaryIO) -> TinyTag | None:
    file.seek(0)
    try:
        return TinyTag.get(file_obj=file, tags=False)
    except Exception:  # noqa: BLE001 - a library reads a file from outside: it can raise anything
        return None


def _require_single(file: BinaryIO, beginning: re.Pattern[bytes], *, start: int = 1, most: int = 0) -> None:
    """Refuse a file in which the `beginning` of a recording occurs too often.

    The search goes through all of the file, because anything can be between two recordings, and the first recording
    can state any length.

    Raises:
        JoinedError: it occurs more than `most` times from `start` on.
    """
    if sum(len(beginning.findall(piece)) for piece in kinds.pieces(file, start, _LONGEST)) > most:
        raise JoinedError


_LONGEST = 16  # bytes of the beginning of a recording, and of what a pattern needs after it


# --- RIFF: https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html --------------------------------------

_RIFF = re.compile(rb"R(?:IFF|IFX|F64).{4}(?:WAVE|AVI )", re.DOTALL)  # the later parts of one AVI begin with `AVIX`
_EXTENSIBLE = 0xFFFE  # the codec is at the end
_EVEN = frozenset({1, 3, 6, 7})  # integers, floats, and the two telephone codecs: all samples have the same size


def _avi_seconds(file: BinaryIO) -> None:
    _require_single(file, _RIFF)


def _wav_seconds(file: BinaryIO) -> float | None:
    _require_single(file, _RIFF)
    head = kinds.at(file, 0, 12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    chunks: dict[bytes, tuple[int, int]] = {}
    offset, size = 12, _size(file)
    while offset + 8 <= size:
        kind, length = struct.unpack("<4sI", kinds.at(file, offset, 8))
        if not (kind.isascii() and kind.decode().isprintable()):
            break
        if kind in (b"fmt ", b"data") and kind in chunks:
            raise JoinedError
        if offset + 8 + length > size:
            if kind == b"data":  # a made-up length from a pipe, or a file that was cut off
                return None
            break
        chunks[kind] = offset + 8, length
        offset += 8 + length + length % 2
    seconds, per_second = _of_samples(file, chunks)
    if seconds and (size - offset) / per_second > 1:  # too much for a tag: samples that the header does not count?
        raise JoinedError
    return seconds


def _of_samples(file: BinaryIO, chunks: dict[bytes, tuple[int, int]]) -> tuple[float | None, int]:
    """Return how long the samples of a WAV play (None if that would be a guess), and the bytes of a second."""
    start, length_of_format = chunks[b"fmt "]
    codec, channels, rate, average, each, bits = struct.unpack("<HHIIHH", kinds.at(file, start, 16))
    if codec == _EXTENSIBLE and length_of_format > 24:  # noqa: PLR2004 - the codec's place
        (codec,) = struct.unpack("<H", kinds.at(file, start + 24, 2))
    length = chunks[b"data"][1]
    if codec in _EVEN:
        return length / (rate * each) if each == channels * -(-bits // 8) else None, rate * each
    seconds = struct.unpack("<I", kinds.at(file, chunks[b"fact"][0], 4))[0] / rate
    return seconds if abs(seconds - length / average) <= 1 + seconds / 100 else None, average


# --- Ogg: https://www.rfc-editor.org/rfc/rfc3533 ---------------------------------------------------------------------

_PAGE = re.compile(rb"OggS\0(.)", re.DOTALL)
_BEGINS, _ENDS = 2, 4
_PAGE_SECONDS = 60  # a page has at most 255 packets, of 120 ms in Opus and of less than 190 ms in Vorbis


def _ogg_seconds(file: BinaryIO) -> float | None:
    heads = (found[0] for piece in kinds.pieces(file, 0, _LONGEST) for found in _PAGE.findall(piece))
    if (False, True) in itertools.pairwise(bool(flags & _BEGINS) for flags in heads):
        raise JoinedError
    pages = list(_pages(file))
    begins = [bool(flags & _BEGINS) for flags, _ in pages]
    ended = bool(pages and pages[-1][0] & _ENDS)  # without this flag tinytag leaves the last page out
    if not ended or begins != [True] + [False] * (len(pages) - 1):
        return None
    tag = _tag(file)
    first = next((position for _, position in pages if position > 0), 0)
    if tag is None or not tag.samplerate or first / tag.samplerate > _PAGE_SECONDS:
        return None
    return tag.duration


def _pages(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield the flags of each page, and the number of samples up to its end.

    Raises:
        ValueError: a part of the file is not a page, or the last page is cut short.
    """
    offset, size = 0, _size(file)
    while offset < size:
        magic, version, flags, position, parts = struct.unpack("<4sBBq12xB", kinds.at(file, offset, 27))
        if magic != b"OggS" or version != 0:
            raise ValueError("not a page")
        offset += 27 + parts + sum(file.read(parts))
        yield flags, position
    if offset > size:
        raise ValueError("cut short")


# --- MP4: ISO/IEC 14496-12, and QuickTime before it ------------------------------------------------------------------

_FILE = re.compile(rb"ftyp(?<=\0\0\0.ftyp)", re.DOTALL)
_MOVIE = re.compile(rb"moov(?=.{4}mvhd.{4})", re.DOTALL)
_Box: TypeAlias = tuple[int, int]  # the start and the end of its content


def _mp4_seconds(file: BinaryIO) -> float | None:
    """Return the seconds of the longest track; None unless the movie's header agrees and the file has all samples."""
    _require_single(file, _FILE)
    _require_single(file, _MOVIE, start=0, most=1)
    if kinds.at(file, 4, 4) != b"ftyp":
        return None
    boxes = list(_boxes(file, 0, _size(file)))
    inside = list(_boxes(file, *dict(boxes).get(b"moov", (0, 0))))
    movie = dict(inside)
    if b"moof" in dict(boxes) or b"mvex" in movie or b"mvhd" not in movie:
        return None
    tracks = [_track(file, dict(_boxes(file, *content))) for kind, content in inside if kind == b"trak"]
    media_bytes = sum(end - start for kind, (start, end) in boxes if kind == b"mdat")
    if sum(size for _, size, _ in tracks) > media_bytes or any(last >= _size(file) for _, _, last in tracks):
        return None
    longest = max((seconds for seconds, _, _ in tracks), default=0.0)
    seconds = _clock(file, movie[b"mvhd"])
    # An edit list can leave most of the media out. Which of the two lengths is billed would be a guess.
    return seconds if seconds is not None and abs(seconds - longest) <= 1 + longest / 100 else None


def _clock(file: BinaryIO, header: _Box) -> float | None:
    """Return the seconds from the header of a movie, or of a track's media; None if it does not state them."""
    head = kinds.at(file, header[0], 32)
    scale, length = struct.unpack_from(">IQ", head, 20) if head[0] else struct.unpack_from(">II", head, 12)
    unknown = 2**64 - 1 if head[0] else 2**32 - 1
    return None if length == unknown else float(length / scale)


def _track(file: BinaryIO, track: dict[bytes, _Box]) -> tuple[float, int, int]:
    """Return what the table of a track says: its seconds, the bytes of its samples, and the place of the last chunk."""
    media = dict(_boxes(file, *track[b"mdia"]))
    tables = dict(_boxes(file, *dict(_boxes(file, *media[b"minf"]))[b"stbl"]))
    head = kinds.at(file, media[b"mdhd"][0], 32)
    scale = struct.unpack_from(">I", head, 20 if head[0] else 12)[0]
    times = _numbers(file, tables[b"stts"], 4, "I")
    sizes = kinds.at(file, tables[b"stsz"][0], 12)
    each, count = struct.unpack_from(">II", sizes, 4)
    wide = b"co64" in tables
    chunks = _numbers(file, tables[b"co64" if wide else b"stco"], 4, "Q" if wide else "I")
    size = each * count if each else sum(_numbers(file, tables[b"stsz"], 8, "I"))
    ticks = sum(number * delta for number, delta in zip(times[::2], times[1::2], strict=True))
    return ticks / scale, size, max(chunks, default=0)


def _numbers(file: BinaryIO, table: _Box, offset: int, kind: str) -> "array[int]":
    """Return the numbers of a table. Their count is at `offset`, and the numbers follow it."""
    start, end = table
    numbers = array(kind)
    content = kinds.at(file, start + offset + 4, end - start - offset - 4)
    numbers.frombytes(content[: len(content) // numbers.itemsize * numbers.itemsize])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _boxes(file: BinaryIO, offset: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield each box between two offsets: its kind, and the start and the end of its content.

    Raises:
        ValueError: a box is longer than the box around it, or too short.
    """
    while offset + 8 <= end:
        size, kind = struct.unpack(">I4s", kinds.at(file, offset, 8))
        content = offset + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            content += 8
        after = offset + size if size else end  # a size of 0 means: up to the end
        if not content <= after <= end:
            raise ValueError("no box has this length")
        yield kind, (content, after)
        offset = after


# --- WebM: https://www.rfc-editor.org/rfc/rfc8794 ---------------------------------------------------------------------

_EBML = re.compile(b"\x1a\x45\xdf\xa3(?:[\x80-\xff]|\x01.{7})\x42\x86", re.DOTALL)


def _webm_seconds(file: BinaryIO) -> None:
    _require_single(file, _EBML)


READERS: dict[str, Reader] = {
    "mp3": mp3.seconds,
    "wav": _wav_seconds,
    "flac": flac.seconds,
    "ogg": _ogg_seconds,
    "mp4": _mp4_seconds,
    "webm": _webm_seconds,  # these two readers only find joined recordings
    "avi": _avi_seconds,
}
