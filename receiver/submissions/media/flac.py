"""Read how long a FLAC plays: follow its frames from one to the next. See RFC 9639.

The file's header has the number of samples, but a download that broke off has that number too. A frame does not give
its own length. But its header has a number, which counts frames or samples, and a checksum:

    sync ▸ block size, rate ▸ channels ▸ number, coded like a character in UTF-8 ▸ size, rate, if they are here ▸ CRC-8

So the next frame is the next place that has such a header, with a correct checksum and the expected number. Samples
look like such a header in one of millions of files.
"""

import re
from typing import BinaryIO

from receiver.submissions.media import mp3
from receiver.submissions.media.kinds import JoinedError, pieces

_SYNC = re.compile(b"\xff[\xf8\xf9]", re.DOTALL)
_JOINED = re.compile(b"fLaC[\x00\x80]\0\0\x22")  # the beginning of another stream
_LONGEST_HEAD = 16
_SIZES = {1: 192, **{n: 144 << n for n in range(2, 6)}, **{n: 1 << n for n in range(8, 16)}}
_SIZE_BYTES = {6: 1, 7: 2}  # bytes of the block size, if it follows the number
_RATE_BYTES = {12: 1, 13: 2, 14: 2}


def seconds(file: BinaryIO) -> float | None:
    """Return the seconds of the frames; None if the header counts other samples.

    Raises:
        ValueError: the file is not a FLAC.
        JoinedError: the file holds several streams.
    """
    file.seek(0)
    head = file.read(10)
    begin = mp3.tag_length(head) if head[:3] == b"ID3" else 0  # some programs put this tag before a FLAC
    file.seek(begin)
    head = file.read(42)
    # The first block of metadata describes the stream. The frames follow the last block.
    if head[:4] != b"fLaC" or head[4] & 127 or len(head) < 42:  # noqa: PLR2004 - and it has 38 bytes
        raise ValueError("not a FLAC")
    bits = int.from_bytes(head[18:26], "big")
    rate, total = bits >> 44, bits & 2**36 - 1
    counted = _samples(file, _behind_metadata(file, begin))
    return counted / rate if total in (0, counted) else None


def _behind_metadata(file: BinaryIO, begin: int) -> int:
    offset, last = begin + 4, False
    while not last:
        file.seek(offset)
        head = file.read(4)
        last = bool(head[0] & 128)
        offset += 4 + int.from_bytes(head[1:], "big")
    return offset


def _samples(file: BinaryIO, start: int) -> int:
    """Return the number of samples in the frames.

    Raises:
        JoinedError: another stream begins after them.
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
    """Return the block size of the frame with the expected number; None if no such frame begins here."""
    if len(head) < 6 or head[3] & 1 or head[2] >> 4 not in _SIZES.keys() | _SIZE_BYTES.keys():  # noqa: PLR2004
        return None
    number = _coded(expected)
    size, rate = _SIZE_BYTES.get(head[2] >> 4, 0), _RATE_BYTES.get(head[2] & 15, 0)
    at = 4 + len(number)
    end = at + size + rate
    if head[4:at] != number or len(head) <= end or _crc8(head[:end]) != head[end]:
        return None
    return int.from_bytes(head[at : at + size], "big") + 1 if size else _SIZES[head[2] >> 4]


def _coded(number: int) -> bytes:
    """Return a number in the code of a frame's header: that of UTF-8, extended to 36 bits."""
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
