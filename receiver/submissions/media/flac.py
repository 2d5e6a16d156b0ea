"""How long a FLAC plays: its frames, followed from one to the next. See RFC 9639.

The header says how many samples there are, and a download that broke off still says so. A frame says neither how long
it is nor what comes next, but its header has a number, which counts frames or samples, and a checksum:

    sync ▸ block size, rate ▸ channels ▸ number, coded as UTF-8 codes characters ▸ size, rate, where told here ▸ CRC-8

So the next frame is the next place where such a header with a right checksum and the expected number stands. In the
samples themselves one is found once in millions of files.
"""

import re
from typing import BinaryIO

from receiver.submissions.media import mp3
from receiver.submissions.media.kinds import JoinedError, pieces

_SYNC = re.compile(b"\xff[\xf8\xf9]", re.DOTALL)
_JOINED = re.compile(b"fLaC[\x00\x80]\0\0\x22")  # the beginning of another stream
_LONGEST_HEAD = 16
_SIZES = {1: 192, **{n: 144 << n for n in range(2, 6)}, **{n: 1 << n for n in range(8, 16)}}
_TOLD_HERE = {6: 1, 7: 2}  # bytes of the block size behind the number
_RATE_BYTES = {12: 1, 13: 2, 14: 2}


def seconds(file: BinaryIO) -> float | None:
    """Return the seconds of the frames that are there, None where the header counts others.

    Raises:
        ValueError: it is no FLAC.
        JoinedError: it is more than one.
    """
    file.seek(0)
    head = file.read(10)
    begin = mp3.tag_length(head) if head[:3] == b"ID3" else 0  # as some tag it
    file.seek(begin)
    head = file.read(42)
    # The first block of metadata tells of the stream; the frames come behind the last one.
    if head[:4] != b"fLaC" or head[4] & 127 or len(head) < 42:  # noqa: PLR2004 - and it has 38 bytes
        raise ValueError("no FLAC")
    bits = int.from_bytes(head[18:26], "big")
    rate, total = bits >> 44, bits & 2**36 - 1
    there = _samples(file, _behind_metadata(file, begin))
    return there / rate if total in (0, there) else None


def _behind_metadata(file: BinaryIO, begin: int) -> int:
    offset, last = begin + 4, False
    while not last:
        file.seek(offset)
        head = file.read(4)
        last = bool(head[0] & 128)
        offset += 4 + int.from_bytes(head[1:], "big")
    return offset


def _samples(file: BinaryIO, start: int) -> int:
    """Return how many samples the frames have.

    Raises:
        JoinedError: another stream begins behind them.
    """
    frames = samples = 0
    for piece in pieces(file, start, _LONGEST_HEAD):
        if _JOINED.search(piece):
            raise JoinedError
        for found in _SYNC.finditer(piece):
            by_samples = piece[found.start() + 1] & 1
            frame = _block(piece[found.start() : found.start() + _LONGEST_HEAD], samples if by_samples else frames)
            if frame is not None:
                frames += 1
                samples += frame
    return samples


def _block(head: bytes, expected: int) -> int | None:
    """Return the block size of a frame of the expected number, None where no such frame begins."""
    if len(head) < 6 or head[3] & 1 or head[2] >> 4 not in _SIZES.keys() | _TOLD_HERE.keys():  # noqa: PLR2004
        return None
    number = _coded(expected)
    told, rate = _TOLD_HERE.get(head[2] >> 4, 0), _RATE_BYTES.get(head[2] & 15, 0)
    at = 4 + len(number)
    end = at + told + rate
    if head[4:at] != number or len(head) <= end or _crc8(head[:end]) != head[end]:
        return None
    return int.from_bytes(head[at : at + told], "big") + 1 if told else _SIZES[head[2] >> 4]


def _coded(number: int) -> bytes:
    """Return a number as a frame's header has it: UTF-8, continued to 36 bits."""
    if number < 0x80:  # noqa: PLR2004 - one byte, as ASCII
        return bytes([number])
    tail: list[int] = []
    limit = 0x20
    while number >= limit or not tail:
        tail.append(0x80 | number & 0x3F)
        number >>= 6
        limit = 0x80 >> len(tail) + 1
    return bytes([(0xFF00 >> len(tail) + 1) & 0xFF | number, *reversed(tail)])


def _crc8(content: bytes) -> int:
    crc = 0
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x107) if crc & 0x80 else crc << 1
    return crc
