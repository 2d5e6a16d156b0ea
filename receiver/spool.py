"""A local durable file that takes deliveries while the database cannot.

    append ──▶ what waits is written together ──▶ one fsync for all of it ──▶ every one of them may be answered
                               │
    segments   1 ▪▪▪▪▪   2 ▪▪▪   3 ▪  ◀── the one that is written to
                 └──▶ drain: oldest first, record by record; a segment whose records are all taken is removed

A record is framed by its length and its CRC, so one that a crash cut off is told from a whole one; it was never
answered, so nothing is lost with it. Whoever writes to a segment or drains it holds its lock, which the kernel releases
however a process ends: what a killed process left is drained by any other that uses the folder. A drain that is cut
short gives the same records again, so `take` must be idempotent.
"""

import asyncio
import errno
import fcntl
import logging
import os
import secrets
import stat
import struct
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from receiver.errors import SpoolFullError, StoreRefusedError, StoreUnavailableError
from receiver.failpoints import Failpoint, reach

log = logging.getLogger(__name__)

FRAME = struct.Struct(">4sII")  # magic, length and CRC of what follows
MAGIC = b"rcv1"
RECORD_BYTES = 1024 * 1024  # a delivery has at most 256 KiB; what claims to be longer is damage
SEGMENT_BYTES = 16 * 1024 * 1024  # what a drain reads at once
NUMBER = "[0-9]" * 20  # when it was begun, nanoseconds; what else lies in the folder is not ours
SUFFIX = ".spool"
REFUSED = ".refused"


@dataclass(frozen=True, slots=True)
class Fill:
    """How full a spool is: bytes on disk, since when (unix seconds) the oldest segment waits, and files put aside."""

    bytes: int
    since: float | None
    aside: int

    def describe(self, limit_bytes: int) -> tuple[bool, str]:
        """Return whether there is room and nothing aside, and how full it is in words."""
        said = "empty"
        if self.since is not None:
            age = max(0.0, time.time() - self.since)
            said = f"{self.bytes} of {limit_bytes} bytes, the oldest for {age:.0f} s"
        if self.aside:
            said += f"; {self.aside} {REFUSED} files hold what the database refuses"
        return self.bytes < limit_bytes and not self.aside, said


class Spool:
    """The spool in one folder, which several processes may share.

    Args:
        folder: made where it is not there.
        limit_bytes: what all its segments may take together.
    """

    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._file = asyncio.Lock()
        self._segment: int | None = None
        self._path: Path | None = None
        self._trouble: str | None = None
        self._drained: dict[str, bool] = {}  # what could not be removed yet, and whether it is to be kept aside

    async def append(self, record: bytes, *, seconds: float) -> None:
        """Return when `record` is on disk.

        Raises:
            SpoolFullError: it has no room.
            StoreUnavailableError: the disk did not take it, or not within `seconds`.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((record, done))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await asyncio.wait({done}, timeout=seconds)
        if not done.done():
            done.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise StoreUnavailableError(f"the spool's disk did not answer in {seconds:g} s")
        done.result()

    def fill(self) -> Fill:
        """Return how full it is, whoever wrote it."""
        found = []
        for path in self._segments():
            with suppress(FileNotFoundError):  # drained meanwhile
                found.append(path.stat().st_size)
        oldest = next((int(path.name.partition("-")[0]) / 1e9 for path in self._segments()), None)
        return Fill(sum(found), oldest, len(list(self.folder.glob(f"{NUMBER}-*{REFUSED}"))))

    def check(self) -> tuple[bool, str]:
        """Return whether it takes records, and how full it is; what it refused lately counts until it is drained."""
        holds, said = self.fill().describe(self.limit_bytes)
        return (holds, said) if self._trouble is None else (False, f"{said}; {self._trouble}")

    async def drain(self, take: Callable[[bytes], Awaitable[None]]) -> int:
        """Give every record to `take`, oldest first, and remove the segments that it has taken; returns how many.

        What `take` raises ends the drain, and the segment is given from its start the next time. A record that the
        database refuses for its own sake is kept aside, so that it does not hold up the others.
        """
        async with self._file:
            await asyncio.to_thread(self.let_go)
        taken, trouble = 0, None
        for path in await asyncio.to_thread(self._segments):
            try:
                taken += await self._drain_segment(path, take)
            except OSError as exc:  # the others may be well, and so may the database
                trouble = f"{path.name} cannot be drained: {exc.strerror}"
        if trouble is not None and trouble != self._trouble:
            log.error("the spool: %s", trouble)
        self._trouble = trouble
        return taken

    async def _drain_segment(self, path: Path, take: Callable[[bytes], Awaitable[None]]) -> int:
        taken = 0
        file = await asyncio.to_thread(_lock, path)
        if file is None:  # a living process writes to it, or another one drains it
            return 0
        with file:
            if path.name not in self._drained:
                content = await asyncio.to_thread(file.read)
                refused = False
                for record in records(content):
                    try:
                        await take(record)
                        taken += 1
                        reach(Failpoint.MID_DRAIN)
                    except StoreRefusedError as exc:
                        log.error("%s: the database refuses a record, which is kept aside: %s", path.name, exc)
                        refused = True
                self._drained[path.name] = refused
            await asyncio.to_thread(_remove, path, aside=self._drained[path.name])
            del self._drained[path.name]
        return taken

    async def _flush(self) -> None:
        """Write what waits, again and again, until nothing does; all that waits together costs one fsync."""
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                async with self._file:
                    await asyncio.to_thread(self._write, [record for record, _ in batch])
            except (OSError, SpoolFullError) as exc:
                error = exc if isinstance(exc, SpoolFullError) else StoreUnavailableError(f"the spool: {exc.strerror}")
                self._trouble = str(error)
                _resolve(batch, error)
            else:
                self._trouble = None
                _resolve(batch, None)
        self._flushing = None

    def _write(self, records: Sequence[bytes]) -> None:
        frames = b"".join(FRAME.pack(MAGIC, len(record), zlib.crc32(record)) + record for record in records)
        if self.fill().bytes + len(frames) > self.limit_bytes:
            raise SpoolFullError(f"the spool holds its {self.limit_bytes} bytes")
        if self._segment is not None and os.fstat(self._segment).st_size > SEGMENT_BYTES:
            self.let_go()
        if self._segment is None:
            self._segment = self._begin()
        before = os.fstat(self._segment).st_size
        try:
            _write_all(self._segment, frames)
            reach(Failpoint.BEFORE_SPOOL_FSYNC)
            os.fsync(self._segment)
            reach(Failpoint.AFTER_SPOOL_FSYNC)
        except OSError:
            # After a failed fsync the kernel may have dropped what it could not write: this segment is not trusted
            # with more, and what of the batch is in it was not answered.
            with suppress(OSError):
                os.ftruncate(self._segment, before)
                if not before and self._path is not None:  # or a disk that stays full is littered with empty segments
                    self._path.unlink()
            self.let_go()
            raise

    def _begin(self) -> int:
        """Open a new segment, whose name is in the folder for good before anything is in it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = self.folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}{SUFFIX}"
            segment = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(segment, fcntl.LOCK_EX)
            if os.fstat(segment).st_nlink:
                _sync_folder(self.folder)
                self._path = path
                return segment
            os.close(segment)  # another process found it empty and without a lock, and removed it

    def let_go(self) -> None:
        """Write no more to the segment in hand; it can be drained now."""
        if self._segment is not None:
            descriptor, self._segment = self._segment, None
            os.close(descriptor)

    def _segments(self) -> list[Path]:
        return sorted(self.folder.glob(f"{NUMBER}-*{SUFFIX}"))


def records(content: bytes) -> Iterator[bytes]:
    """Yield every whole record of a segment; what is damaged is skipped, up to the next record that is whole."""
    at, end = 0, len(content)
    while at + FRAME.size <= end:
        magic, length, checksum = FRAME.unpack_from(content, at)
        record = content[at + FRAME.size : at + FRAME.size + length]
        if magic == MAGIC and length <= RECORD_BYTES and len(record) == length and zlib.crc32(record) == checksum:
            yield record
            at += FRAME.size + length
            continue
        found = content.find(MAGIC, at + 1)
        if found < 0:
            return
        at = found


def _lock(path: Path) -> BinaryIO | None:
    """Return a segment that nobody writes to or drains, opened; else None.

    Raises:
        OSError: it cannot be read, or is no file (at a pipe we would wait for ever), or may be somebody else's: what
            lies here is not verified again.
    """
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except FileNotFoundError:  # another process has drained it
        return None
    with ExitStack() as stack:
        stack.enter_context(file)
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is no file")
        if status.st_uid not in (os.geteuid(), path.parent.stat().st_uid):
            raise OSError(errno.EPERM, "belongs to another user")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None
        if not os.fstat(file.fileno()).st_nlink:  # drained and removed between our opening and our lock
            return None
        stack.pop_all()
    return file


def _remove(path: Path, *, aside: bool) -> None:
    if aside:
        path.rename(path.with_suffix(REFUSED))
    else:
        path.unlink()
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _resolve(batch: Sequence[tuple[bytes, "asyncio.Future[None]"]], error: Exception | None) -> None:
    for _, done in batch:
        if done.done():  # cancelled, or nobody waits any more
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
