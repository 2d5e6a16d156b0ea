"""Write and read a segment: one file of records.

    0     magic · marker       eight random bytes, which begin every frame of this segment
    512   used · since         bytes of records and the time of the first one; only shown to people
    1024  frame frame frame … zeros

    frame    marker · length · CRC of the record · CRC of this head │ record │ line end

The space is reserved when the segment is made, so a disk that fills up later does not matter. The space is zeros, and
records are written over them. No sender knows the marker, so no record can look like a frame.

A frame that a crash cut off was never answered. It begins like a frame, lacks its end, and only zeros follow. Any other
incomplete frame is damage. It might have been answered, so it is never removed unread.
"""

import errno
import fcntl
import os
import re
import secrets
import struct
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Self

from receiver.failpoints import Failpoint, reach
from receiver.inbox.spool import before
from receiver.inbox.spool.before import OLD_MAGIC
from receiver.inbox.spool.folder import NEXT, SUFFIX, SpoolFolder

MAGIC = b"rcv2"
HEAD = struct.Struct(">4s8s")
MARKER_BYTES = 8
USED = struct.Struct(">Qd")
USED_AT = 512  # in a separate sector: rewriting it must not endanger the head
START = 1024
FRAME = struct.Struct(">8sII")
CHECK = struct.Struct(">I")  # of the frame's head
FRAME_BYTES = FRAME.size + CHECK.size
END = b"\n"
# A frame's head behind a record's end. Its length begins with a zero byte, which JSON cannot hold.
FRAME_BEHIND = re.compile(re.escape(END) + rb"(?=.{8}\0[\0-\x10].{10})", re.DOTALL)
ZEROED_AT_ONCE = 1024 * 1024
LATEST = 2.0**33  # a later time comes from a damaged head
CANNOT_PROMISE = (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.ENODEV)


class State(Enum):
    """The rest of a segment: all but its whole records."""

    WHOLE = "whole"  # nothing, or the beginning of a frame that was never answered
    DAMAGED = "damaged"
    UNKNOWN = "unknown"  # the format of another version


@dataclass(frozen=True, slots=True)
class Scan:
    """The contents of a segment: its whole records, oldest first, and the state of the rest."""

    records: tuple[bytes, ...]
    state: State


class SpoolSegment:
    """A segment that we write to. Its lock is for writing or draining; the kernel releases a dead process's lock."""

    def __init__(self, folder: SpoolFolder, name: str, descriptor: int, marker: bytes, room: int) -> None:
        self._folder = folder
        self.name = name
        self.end = START
        self.room = room
        self.is_promised = False
        self._descriptor = descriptor
        self._marker = marker
        self._since = 0.0

    @classmethod
    def make(cls, folder: SpoolFolder, *, room: int) -> Self:
        """Make a segment with `room` bytes reserved; its name is on disk before any record.

        Raises:
            OSError: the folder or its disk cannot hold the segment; no file remains.
        """
        while True:
            name = _name(NEXT)
            descriptor = folder.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if not os.fstat(descriptor).st_nlink:  # another process found it empty and unlocked, and removed it
                    os.close(descriptor)
                    continue
                made = cls(folder, name, descriptor, secrets.token_bytes(8), room)
                made.is_promised = _allocate(descriptor, room)
                _write_at(descriptor, HEAD.pack(MAGIC, made._marker), 0)
                os.fsync(descriptor)
                folder.sync()
            except BaseException:
                os.close(descriptor)
                with suppress(OSError):
                    folder.remove(name)
                raise
            return made

    @property
    def used(self) -> int:
        """How many bytes of records the segment holds."""
        return self.end - START

    def write(self, frames: bytes) -> None:
        """Write `frames` (see `framed`), and return when they are on disk.

        Raises:
            OSError: it is unknown whether the frames are on disk. The kernel might have dropped bytes that it could not
                write, so nothing more must be written to this segment.
        """
        if not self.is_in_place():
            raise OSError(errno.ENOENT, "somebody has removed the segment, or moved its folder away")
        if frames and not self._since:
            self._begin()
        _write_at(self._descriptor, frames, self.end)
        _write_at(self._descriptor, USED.pack(self.used + len(frames), self._since), USED_AT)
        reach(Failpoint.BEFORE_SPOOL_FSYNC)
        os.fsync(self._descriptor)
        reach(Failpoint.AFTER_SPOOL_FSYNC)
        self.end += len(frames)

    def is_in_place(self) -> bool:
        """Return whether the segment is where the next process will look."""
        return self._folder.holds(self.name, self._descriptor)

    def _begin(self) -> None:
        """Note the time of the first record, in the name too. If renaming fails, the old name will do."""
        self._since = time.time()
        name = _name(SUFFIX)
        with suppress(OSError):
            self._folder.move(self.name, name)
            self.name = name

    def framed(self, records: Sequence[bytes]) -> bytes:
        """Return records as frames of this segment."""
        return b"".join(_frame(self._marker, record) for record in records)

    def read(self) -> tuple[tuple[bytes, ...], int]:
        """Return the segment's records, and where they end.

        Raises:
            OSError: the disk fails.
        """
        return scan(os.pread(self._descriptor, self.end, 0)).records, self.end

    def empty(self) -> None:
        """Empty the segment and reuse its space. Write zeros from the end, so that the rest is whole if we are killed.

        Raises:
            OSError: the disk fails.
        """
        for end in range(self.end, START, -ZEROED_AT_ONCE):
            begin = max(START, end - ZEROED_AT_ONCE)
            _write_at(self._descriptor, bytes(end - begin), begin)
        _write_at(self._descriptor, USED.pack(0, 0.0), USED_AT)
        os.fsync(self._descriptor)
        self.end, self._since = START, 0.0

    def take_back(self, frames: bytes) -> None:
        """Overwrite frames, for which there was no space, with zeros.

        Raises:
            OSError: the disk fails.
        """
        written = os.fstat(self._descriptor).st_size - self.end
        _write_at(self._descriptor, bytes(max(0, min(len(frames), written))), self.end)

    def close(self) -> None:
        """Close the segment and give back its unused space; remove it if nothing was written."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor < 0:
            return
        try:
            with suppress(OSError):
                if self.used:
                    os.ftruncate(descriptor, self.end)
                else:
                    self._folder.remove(self.name)
        finally:
            os.close(descriptor)


def written(marker: bytes, records: Sequence[bytes], since: float) -> bytes:
    """Return the bytes of a whole segment with these records."""
    frames = b"".join(_frame(marker, record) for record in records)
    head = HEAD.pack(MAGIC, marker).ljust(USED_AT, b"\0") + USED.pack(len(frames), since)
    return head.ljust(START, b"\0") + frames


def used(head: bytes, size: int) -> tuple[int, float | None]:
    """Return how many bytes of records a segment claims to hold, and the first one's time; `head` is its beginning."""
    if head[: len(OLD_MAGIC)] == OLD_MAGIC:
        return size, None
    if len(head) < USED_AT + USED.size or head[: len(MAGIC)] != MAGIC:
        return 0, None
    length, since = USED.unpack_from(head, USED_AT)
    return min(length, max(0, size - START)), since if 0 < since < LATEST else None


def is_known(head: bytes) -> bool:
    """Return whether these are the first bytes of a segment of this version or the one before."""
    return head.startswith((MAGIC, OLD_MAGIC))


def scan(content: bytes, *, searching: bool = True) -> Scan:
    """Return the contents of a segment. Pure.

    Args:
        content: the whole file.
        searching: whether to look for frames behind an unknown head. Any file might hold some.
    """
    marker = content[len(MAGIC) : HEAD.size]
    has_marker = content.startswith(MAGIC) and len(content) >= HEAD.size and bool(marker.strip(b"\0"))
    found = _scan(content, marker) if has_marker else Scan((), State.UNKNOWN)
    if found.records or found.state is State.WHOLE:
        return found
    records, is_damaged = ((), True) if has_marker else before.scan(content)
    if content.startswith(OLD_MAGIC):
        return Scan(records, State.DAMAGED if is_damaged else State.WHOLE)
    again = _marker(content)
    if searching and (again is not None or records):  # damage to the head costs no record
        return Scan(records if again is None else _scan(content, again).records, State.DAMAGED)
    begun = content.rstrip(b"\0")
    if MAGIC.startswith(begun[: len(MAGIC)]) and len(begun) < HEAD.size:
        return Scan((), State.WHOLE)  # it was just being made
    return found


def _marker(content: bytes) -> bytes | None:
    """Return the marker of the first frame with a whole head, wherever it is; None if there is no frame."""
    places = (START, *(match.end() for match in FRAME_BEHIND.finditer(content)))
    markers = ((at, content[at : at + MARKER_BYTES]) for at in places)
    return next((one for at, one in markers if _length(content[at : at + FRAME_BYTES], one) is not None), None)


def _scan(content: bytes, marker: bytes) -> Scan:
    records, at, state = list[bytes](), START, State.WHOLE
    while True:
        record = _record(content, marker, at)
        if record is not None:
            records.append(record)
            at += FRAME_BYTES + len(record) + len(END)
            continue
        following = content.find(marker, at + 1)
        if following < 0:
            break
        at, state = following, State.DAMAGED  # earlier bytes were answered before this frame
    rest = content[at:].rstrip(b"\0")
    return Scan(tuple(records), state if _is_cut_off(rest, marker) else State.DAMAGED)


def _record(content: bytes, marker: bytes, at: int) -> bytes | None:
    length = _length(content[at : at + FRAME_BYTES], marker)
    if length is None:
        return None
    begin = at + FRAME_BYTES
    record, end = content[begin : begin + length], content[begin + length : begin + length + len(END)]
    whole = len(record) == length and end == END
    return record if whole and zlib.crc32(record) == FRAME.unpack_from(content, at)[2] else None


def _length(head: bytes, marker: bytes) -> int | None:
    """Return the length of the record behind a frame's head; None if these bytes are not a head."""
    if len(head) < FRAME_BYTES or head[: len(marker)] != marker:
        return None
    if CHECK.unpack_from(head, FRAME.size)[0] != zlib.crc32(head[: FRAME.size]):
        return None
    length: int = FRAME.unpack_from(head)[1]
    return length


def _is_cut_off(rest: bytes, marker: bytes) -> bool:
    """Return whether a segment's last bytes, up to its zeros, are nothing or the beginning of a frame."""
    if len(rest) < FRAME_BYTES:
        return marker.startswith(rest[: len(marker)])
    length = _length(rest[:FRAME_BYTES], marker)
    return length is not None and len(rest) < FRAME_BYTES + length + len(END)


def _name(suffix: str) -> str:
    return f"{time.time_ns():020d}-{secrets.token_hex(4)}{suffix}"


def _frame(marker: bytes, record: bytes) -> bytes:
    head = FRAME.pack(marker, len(record), zlib.crc32(record))
    return head + CHECK.pack(zlib.crc32(head)) + record + END


def _allocate(descriptor: int, room: int) -> bool:
    """Reserve space on the disk, and return whether it stays reserved; a copy-on-write disk cannot promise that."""
    if not room:
        return False
    try:
        os.posix_fallocate(descriptor, 0, room)
    except OSError as exc:
        if exc.errno in CANNOT_PROMISE:
            return False
        raise
    return os.fstat(descriptor).st_blocks * 512 >= room


def _write_at(descriptor: int, content: bytes, at: int) -> None:
    rest = memoryview(content)
    while rest:
        wrote = os.pwrite(descriptor, rest, at)
        rest, at = rest[wrote:], at + wrote
