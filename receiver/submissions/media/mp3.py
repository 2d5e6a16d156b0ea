"""Read how long an MP3 plays: count its frames. See ISO/IEC 11172-3 and 13818-3, layer III.

The average of the first frames is wrong for a variable bit rate. The number in the first frame is wrong for a file that
was joined or cut.
"""

import os
from typing import BinaryIO

# kbit/s and Hz by their index in a frame's header. MPEG 2 halves the sample rate, and MPEG 2.5 halves it again.
_KBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_KBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_HERTZ = (44100, 48000, 32000)
_HALVED = {3: 1, 2: 2, 0: 4}  # by the header's version bits; 1 is reserved
_SYNC, _LAYER_III = 0x7FF, 1
_COUNTS = (b"Xing", b"Info", b"VBRI")  # a first frame with one of these marks describes the others and plays nothing


def seconds(file: BinaryIO) -> float | None:
    """Return the seconds of all whole frames; None if a tag is longer than the rest of the file."""
    size, offset, total = file.seek(0, os.SEEK_END), 0, 0.0
    while offset < size:
        file.seek(offset)
        head = file.read(64)
        frame = read_frame(head)
        if frame is None:
            offset += _between(head)
            if offset > size:  # the length of this tag cannot be true
                return None
            continue
        length, playing = frame
        offset += length
        if offset <= size and not any(mark in head for mark in _COUNTS):
            total += playing
    return total


def read_frame(head: bytes) -> tuple[int, float] | None:
    """Return a frame's bytes, and the seconds that it plays; None if no frame of layer III starts here."""
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
    """Return the length of a tag or of padding. Either can be before, between and after frames.

    Raises:
        ValueError: it is something else, so the frames after it would be a guess.
    """
    if head[:3] == b"ID3":
        return tag_length(head)
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX":
        return 32 + int.from_bytes(head[12:16], "little")
    padding = len(head) - len(head.lstrip(b"\0"))
    if not padding:
        raise ValueError("neither a frame nor a tag")
    return padding


def tag_length(head: bytes) -> int:
    """Return the length of an ID3v2 tag that begins with `head`.

    Raises:
        ValueError: `head` is cut short.
    """
    return 10 + sum(part << shift for part, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
