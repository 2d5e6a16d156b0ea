"""Read a segment of version 0.4: frames one after the other, which all begin with the same four public bytes.

    frame    magic · length · CRC of the record │ record

There is no head, and no mark behind a record shows that it is whole. A frame that a crash cut off was never answered. A
frame with a damaged length looks the same, but another frame follows, or the CRC of its record is right.
"""

import struct
import zlib

OLD_MAGIC = b"rcv1"
OLD_FRAME = struct.Struct(">4sII")
RECORD_BYTES = 1024 * 1024  # a delivery has at most 256 KiB; a longer record is damage


def scan(content: bytes) -> tuple[tuple[bytes, ...], bool]:
    """Return the whole records, oldest first, and whether there is damage. Pure."""
    records, at, is_damaged = list[bytes](), 0, False
    while at < len(content):
        record = _record(content, at)
        if record is not None:
            is_damaged |= not content.startswith(OLD_MAGIC, at)
            records.append(record)
            at += OLD_FRAME.size + len(record)
            continue
        following = _following(content, at + 1)
        record = _unmeasured(content, at, len(content) if following < 0 else following)
        records += [] if record is None else [record]
        if following < 0:
            return tuple(records), is_damaged or record is not None or not _is_cut_off(content[at:])
        at, is_damaged = following, True
    return tuple(records), is_damaged


def _record(content: bytes, at: int) -> bytes | None:
    """Return the record of the frame at `at`, even if its magic is damaged; None if the frame is not whole."""
    if len(content) - at < OLD_FRAME.size:
        return None
    magic, length, checksum = OLD_FRAME.unpack_from(content, at)
    if length > RECORD_BYTES or (magic != OLD_MAGIC and not length):  # zeros would be empty frames
        return None
    begin = at + OLD_FRAME.size
    record = content[begin : begin + length]
    return record if len(record) == length and zlib.crc32(record) == checksum else None


def _following(content: bytes, at: int) -> int:
    """Return where the next whole frame begins; -1 if there is none."""
    while (at := content.find(OLD_MAGIC, at)) >= 0 and _record(content, at) is None:
        at += 1
    return at


def _unmeasured(content: bytes, at: int, end: int) -> bytes | None:
    """Return the record of the frame from `at` to `end`, if only its length is damaged."""
    if end - at <= OLD_FRAME.size:
        return None
    record = content[at + OLD_FRAME.size : end]
    return record if zlib.crc32(record) == OLD_FRAME.unpack_from(content, at)[2] else None


def _is_cut_off(rest: bytes) -> bool:
    """Return whether a segment's last bytes are nothing or the beginning of a frame."""
    if len(rest) < OLD_FRAME.size:
        return OLD_MAGIC.startswith(rest[: len(OLD_MAGIC)])
    magic, length, _ = OLD_FRAME.unpack_from(rest)
    return bool(magic == OLD_MAGIC and len(rest) - OLD_FRAME.size < length <= RECORD_BYTES)
