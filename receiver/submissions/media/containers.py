"""How long a file plays by its own structure, for the containers that tell it.

A reader returns the seconds that are there, None where that would be a guess, and may trip over what is no such file
(`MISTAKES`). What a header says counts only where the file has the bytes for it. Two recordings in one file, one behind
the other, are a `JoinedError`, which is nobody else's question either; but of MP3 all frames are played.
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


def _require_single(file: BinaryIO, beginning: re.Pattern[bytes], *, start: int = 1, most: int = 0) -> None:
    """Do nothing where what a recording begins with stands at most so often behind `start`.

    All of the file is looked at: what lies between two recordings, and what the first one says of its own length, may
    be anything.

    Raises:
        JoinedError: it stands there more often.
    """
    if sum(len(beginning.findall(piece)) for piece in kinds.pieces(file, start, _LONGEST)) > most:
        raise JoinedError


_LONGEST = 16  # bytes of what a recording begins with, and of what is looked at behind it


# --- RIFF: https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html --------------------------------------

_RIFF = re.compile(rb"R(?:IFF|IFX|F64).{4}(?:WAVE|AVI )", re.DOTALL)  # what follows in an AVI is `AVIX`
_EXTENSIBLE = 0xFFFE  # the codec stands at the end
_EVEN = frozenset({1, 3, 6, 7})  # whole numbers, floating ones and the two of telephones: each sample takes as much


def _avi_seconds(file: BinaryIO) -> None:
    _require_single(file, _RIFF)


def _wav_seconds(file: BinaryIO) -> float | None:
    _require_single(file, _RIFF)
    head = _at(file, 0, 12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    chunks: dict[bytes, tuple[int, int]] = {}
    offset, size = 12, _size(file)
    while offset + 8 <= size:
        kind, length = struct.unpack("<4sI", _at(file, offset, 8))
        if not (kind.isascii() and kind.decode().isprintable()):
            break
        if kind in (b"fmt ", b"data") and kind in chunks:
            raise JoinedError
        if offset + 8 + length > size:
            if kind == b"data":  # in what was piped it is made up, in what was cut it is more than there is
                return None
            break
        chunks[kind] = offset + 8, length
        offset += 8 + length + length % 2
    seconds, per_second = _of_samples(file, chunks)
    if seconds and (size - offset) / per_second > 1:  # more than a tag: samples, of whom the head does not know?
        raise JoinedError
    return seconds


def _of_samples(file: BinaryIO, chunks: dict[bytes, tuple[int, int]]) -> tuple[float | None, int]:
    """Return how long a WAV's samples play, None where that would be a guess, and how many bytes a second takes."""
    start, there = chunks[b"fmt "]
    codec, channels, rate, average, each, bits = struct.unpack("<HHIIHH", _at(file, start, 16))
    if codec == _EXTENSIBLE and there > 24:  # noqa: PLR2004 - where it stands
        (codec,) = struct.unpack("<H", _at(file, start + 24, 2))
    length = chunks[b"data"][1]
    if codec in _EVEN:
        return length / (rate * each) if each == channels * -(-bits // 8) else None, rate * each
    said = struct.unpack("<I", _at(file, chunks[b"fact"][0], 4))[0] / rate
    return said if abs(said - length / average) <= 1 + said / 100 else None, average


# --- Ogg: https://www.rfc-editor.org/rfc/rfc3533 ---------------------------------------------------------------------

_PAGE = re.compile(rb"OggS\0(.)", re.DOTALL)
_BEGINS, _ENDS = 2, 4
_PAGE_SECONDS = 60  # 255 packets, the most on a page, of 120 ms in Opus and of less than 190 ms in Vorbis


def _ogg_seconds(file: BinaryIO) -> float | None:
    heads = (found[0] for piece in kinds.pieces(file, 0, _LONGEST) for found in _PAGE.findall(piece))
    if (False, True) in itertools.pairwise(bool(flags & _BEGINS) for flags in heads):
        raise JoinedError
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

_FILE = re.compile(rb"ftyp(?<=\0\0\0.ftyp)", re.DOTALL)
_MOVIE = re.compile(rb"moov(?=.{4}mvhd.{4})", re.DOTALL)
_Box: TypeAlias = tuple[int, int]  # where its content starts and ends


def _mp4_seconds(file: BinaryIO) -> float | None:
    """Return the length of the longest track, where the movie's header agrees and the samples are in the file."""
    _require_single(file, _FILE)
    _require_single(file, _MOVIE, start=0, most=1)
    if _at(file, 4, 4) != b"ftyp":
        return None
    boxes = list(_boxes(file, 0, _size(file)))
    inside = list(_boxes(file, *dict(boxes).get(b"moov", (0, 0))))
    movie = dict(inside)
    if b"moof" in dict(boxes) or b"mvex" in movie or b"mvhd" not in movie:
        return None
    tracks = [_track(file, dict(_boxes(file, *content))) for kind, content in inside if kind == b"trak"]
    there = sum(end - start for kind, (start, end) in boxes if kind == b"mdat")
    if sum(size for _, size, _ in tracks) > there or any(last >= _size(file) for _, _, last in tracks):
        return None
    longest = max((seconds for seconds, _, _ in tracks), default=0.0)
    said = _clock(file, movie[b"mvhd"])
    # An edit list may leave most of the media out; which of the two is billed would be a guess.
    return said if said is not None and abs(said - longest) <= 1 + longest / 100 else None


def _clock(file: BinaryIO, header: _Box) -> float | None:
    """Return the seconds that the header of a movie or of a track's media says."""
    head = _at(file, header[0], 32)
    scale, length = struct.unpack_from(">IQ", head, 20) if head[0] else struct.unpack_from(">II", head, 12)
    unknown = 2**64 - 1 if head[0] else 2**32 - 1
    return None if length == unknown else float(length / scale)


def _track(file: BinaryIO, track: dict[bytes, _Box]) -> tuple[float, int, int]:
    """Return how long a track plays by its table of samples, how many bytes they have, and where its last chunk is."""
    media = dict(_boxes(file, *track[b"mdia"]))
    tables = dict(_boxes(file, *dict(_boxes(file, *media[b"minf"]))[b"stbl"]))
    head = _at(file, media[b"mdhd"][0], 32)
    scale = struct.unpack_from(">I", head, 20 if head[0] else 12)[0]
    times = _numbers(file, tables[b"stts"], 4, "I")
    sizes = _at(file, tables[b"stsz"][0], 12)
    each, count = struct.unpack_from(">II", sizes, 4)
    wide = b"co64" in tables
    chunks = _numbers(file, tables[b"co64" if wide else b"stco"], 4, "Q" if wide else "I")
    bytes_there = each * count if each else sum(_numbers(file, tables[b"stsz"], 8, "I"))
    ticks = sum(number * delta for number, delta in zip(times[::2], times[1::2], strict=True))
    return ticks / scale, bytes_there, max(chunks, default=0)


def _numbers(file: BinaryIO, table: _Box, offset: int, kind: str) -> "array[int]":
    """Return the numbers of a table, whose entries begin `offset` bytes into it, behind their own number."""
    start, end = table
    numbers = array(kind)
    content = _at(file, start + offset + 4, end - start - offset - 4)
    numbers.frombytes(content[: len(content) // numbers.itemsize * numbers.itemsize])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


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
    "webm": _webm_seconds,  # these two only find what is joined
    "avi": _avi_seconds,
}
