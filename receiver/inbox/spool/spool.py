"""Keep deliveries while the database cannot store them, and give them back.

    append ──▶ waiting records are written together ──▶ one fsync for all ──▶ all these deliveries can be answered
                               │
    segments   1 ▪▪▪▪▪   2 ▪▪▪   3 ▪  ◀── the current one      4 ◀── the next one, open, its space reserved already
                 └──▶ drain: oldest first, in batches; a segment is removed when all its records are stored

Everything that an append needs is there from the start: the folder, the next segment and its space, and a thread. So a
full disk, or a lack of descriptors or threads, does not stop an append until that space is used up.

Any other process of the same user drains the records of a killed process (`drain`). An interrupted drain can give
records again, so the function that stores them must be idempotent.
"""

import asyncio
import errno
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from receiver.errors import SpoolFullError, StoreUnavailableError
from receiver.inbox.spool.condition import Condition, Which, look, words
from receiver.inbox.spool.drain import Drain, Fate, Take, batch
from receiver.inbox.spool.folder import Place, SpoolFolder
from receiver.inbox.spool.segments import SpoolSegment, scan

log = logging.getLogger(__name__)

T = TypeVar("T")

ROOM_BYTES = 16 * 1024 * 1024
BETWEEN_TRIALS_SECONDS = 60.0
SEGMENT_BYTES = 16 * 1024 * 1024  # a drain reads a whole segment


class Spool:
    """The spool in one folder, which several processes of one user can share.

    Args:
        folder: made if it is missing; if it is not private, the spool is in a folder within it.
        limit_bytes: the most bytes of all records together.
        room_bytes: the space that is reserved for each segment.
    """

    def __init__(self, folder: Path, *, limit_bytes: int, room_bytes: int = ROOM_BYTES) -> None:
        self.folder = SpoolFolder(folder)
        self.limit_bytes = limit_bytes
        self._room = room_bytes
        self._writer = ThreadPoolExecutor(1, "spool-writer")
        self._reader = ThreadPoolExecutor(1, "spool-reader")
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._segment: SpoolSegment | None = None  # only the writer's thread touches these two
        self._next: SpoolSegment | None = None
        self._given: tuple[SpoolSegment | None, list[Fate]] = (None, [])  # fates of the last segment's first records
        self._tried = 0.0
        self._elsewhere = 0  # bytes in all other segments, at the last look
        self._unknown: frozenset[Which] = frozenset()
        self._drain = Drain(self.folder, self._reader)
        self._troubles: dict[str, str] = {}

    async def make_ready(self) -> None:
        """Make the next segment and reserve its space. If that is impossible, the condition says why."""
        try:
            await self._in(self._reader, self._look)
            await self._in(self._writer, self._make_next)
        except (OSError, RuntimeError) as exc:
            self._note("next", f"in an outage deliveries would be refused: {self.folder.path} {words(exc)}")
        else:
            self._note("next", None)

    async def append(self, record: bytes, *, seconds: float) -> None:
        """Write `record`, and return when it is on disk.

        Raises:
            SpoolFullError: the spool is full.
            StoreUnavailableError: the disk did not store the record, or not within `seconds`.
        """
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((record, done))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await asyncio.wait({done}, timeout=seconds)
        if not done.done():
            self._waiting = [waiting for waiting in self._waiting if waiting[1] is not done]  # refused: do not keep it
            done.add_done_callback(lambda late: late.cancelled() or late.exception())
            raise StoreUnavailableError(f"the spool's disk did not answer in {seconds:g} s")
        done.result()

    async def condition(self) -> Condition:
        """Return the spool's state, with the records of every process."""
        found, there = await self._in(self._reader, self._look)
        self._drain.forget_all_but(there)
        return replace(found, foreign=self._drain.foreign)

    def look(self) -> Condition:
        """Return the spool's state, without an event loop and without making a folder or file."""
        return self._look()[0]

    def look_again(self) -> None:
        """Make the next drain read foreign records again."""
        self._drain.look_again()

    def try_out(self) -> None:
        """Write to the folder, and undo that, without an event loop.

        Raises:
            OSError: the folder could not keep records.
        """
        SpoolSegment.make(self.folder, room=self._room).close()

    def records(self) -> Iterator[bytes]:
        """Yield the waiting records of every process, without an event loop and without changing a file.

        Files that cannot be read are left out. If the whole folder cannot be read, `look` reports that.
        """
        places = list[Place]()
        with suppress(OSError):
            places = self.folder.segments()
        for place in places:
            with suppress(OSError):
                descriptor = place.folder.open(place.name, os.O_RDONLY)
                with os.fdopen(descriptor, "rb") as file:
                    yield from scan(file.read(), searching=place.folder.is_private).records

    async def drain(self, take: Take) -> int:
        """Give every record to `take`, in batches, oldest first; return how many were stored.

        A segment is removed when none of its records is left. Refused, damaged and unknown records are kept aside. An
        error of `take` ends the drain, and the next drain continues there.
        """
        last = await self._in(self._writer, self._let_go_or_keep)
        stored = 0 if last is None else await self._drain_last(last, take)
        more, trouble = await self._drain.run(take)
        self._note("drain", trouble)
        if trouble is None:
            self._note("write", None)
        await self._in(self._reader, self._look)
        return stored + more

    async def close(self) -> None:
        """Give back the unused space. Other processes can drain our records."""
        with suppress(OSError):
            await self._in(self._writer, self._let_go, True)  # noqa: FBT003 - run_in_executor takes no keywords
        self._writer.shutdown(wait=False)
        self._reader.shutdown(wait=False)
        self.folder.close()

    # --- appending ---------------------------------------------------------------------------------------------------

    async def _flush(self) -> None:
        """Write the waiting records, again and again, until none waits; one fsync for all that wait together.

        Every waiting caller gets its answer, even if writing fails.
        """
        try:
            while self._waiting:
                together, self._waiting = self._waiting, []
                error: StoreUnavailableError | None = StoreUnavailableError("the spool: it was stopped")
                try:
                    await self._in(self._writer, self._write, [record for record, _ in together])
                    error = None
                except SpoolFullError as exc:
                    error = exc
                except Exception as exc:  # noqa: BLE001 - for example no thread, no memory: the next try might succeed
                    error = StoreUnavailableError(f"the spool: {words(exc)}")
                finally:
                    self._note("write", None if error is None else str(error))
                    _resolve(together, error)
        finally:
            self._flushing = None

    def _write(self, records: Sequence[bytes]) -> None:
        segment = self._segment or self._begin()
        frames = segment.framed(records)
        if self._elsewhere + segment.used + len(frames) > self.limit_bytes:
            raise SpoolFullError(f"the spool holds its {self.limit_bytes} bytes")
        full = segment.room if self._next is not None else max(segment.room, SEGMENT_BYTES)
        if segment.used and segment.end + len(frames) > full:
            segment = self._begin()
            frames = segment.framed(records)
        try:
            segment.write(frames)
        except OSError as exc:
            if self._next is None and exc.errno in (errno.ENOSPC, errno.EDQUOT):
                try:
                    segment.take_back(frames)
                except OSError:
                    self._let_go()
                raise  # there is no space beyond the segment's own
            # Nothing more is written to this segment, and its part of the frames is cut off. The next one has space.
            self._let_go()
            segment = self._begin()
            try:
                segment.write(segment.framed(records))
            except OSError:
                self._let_go()
                raise

    def _begin(self) -> SpoolSegment:
        """Make the next segment the current one, and let go of the old one."""
        self._drop_lost()
        coming = self._next or SpoolSegment.make(self.folder, room=0)
        self._let_go()
        self._segment, self._next = coming, None
        return coming

    def _make_next(self) -> None:
        """Make the next segment if there is none, and test now and then whether it can be written to."""
        self._drop_lost()
        ready = self._next
        if ready is not None and time.monotonic() - self._tried > BETWEEN_TRIALS_SECONDS:
            self._tried = time.monotonic()
            try:
                ready.write(b"")
            except OSError:
                self._next = None
                ready.close()
        if self._next is None:
            self._next = SpoolSegment.make(self.folder, room=self._room)
            self._tried = time.monotonic()

    def _drop_lost(self) -> None:
        """Let go of segments that the next process would not find, because their folder was moved away or covered."""
        if self._segment is not None and not self._segment.is_in_place():
            self._let_go()
        if self._next is not None and not self._next.is_in_place():
            lost, self._next = self._next, None
            lost.close()

    def _let_go(self, everything: bool = False) -> None:  # noqa: FBT001, FBT002 - as above
        """Close the current segment, so that it can be drained; with `everything` close the next one too."""
        segment, self._segment = self._segment, None
        if segment is not None:
            self._elsewhere += segment.used
            segment.close()
        coming = self._next if everything else None
        if coming is not None:
            self._next = None
            coming.close()

    # --- draining the last segment, which no other can replace ------------------------------------------------------

    def _let_go_or_keep(self) -> SpoolSegment | None:
        """Let go of the current segment; if no other can replace it, keep and return it."""
        if self._segment is not None and self._next is None:
            try:
                self._make_next()
            except OSError:
                return self._segment
        self._let_go()
        return None

    async def _drain_last(self, segment: SpoolSegment, take: Take) -> int:
        """Give the current segment's records to `take`, and empty it when all are stored: the disk might be full."""
        records, end = await self._in(self._writer, segment.read)
        if self._given[0] is not segment:
            self._given = segment, []
        fates = self._given[1]
        before = fates.count(Fate.STORED)
        again = [place for place, fate in enumerate(fates) if fate is Fate.LATER]
        if again:
            for place, fate in zip(again, await take(batch([records[place] for place in again], 0)), strict=False):
                fates[place] = fate
        while len(fates) < len(records):
            fates += await take(batch(records, len(fates)))
        stored = fates.count(Fate.STORED) - before
        if set(fates) == {Fate.STORED} and await self._in(self._writer, self._empty, segment, end):
            fates.clear()
        return stored

    def _empty(self, segment: SpoolSegment, end: int) -> bool:
        """Empty the current segment, unless more records were written; return whether it was emptied."""
        is_the_same = segment is self._segment and segment.end == end
        if is_the_same:
            segment.empty()
        return is_the_same

    # --- looking -----------------------------------------------------------------------------------------------------

    def _look(self) -> tuple[Condition, frozenset[Which]]:
        """Return the spool's state, and its segments."""
        found, there = look(self.folder, self.limit_bytes, self._unknown)
        if there is None:
            return found, frozenset()
        mine = self._segment
        self._elsewhere, self._unknown = there.used - (0 if mine is None else mine.used), there.unknown
        self._note("folder", found.trouble)
        is_promised = self._next is None or self._next.is_promised or not self._room
        trouble = "; ".join(self._troubles.values()) or None
        return replace(found, foreign=self._drain.foreign, is_promised=is_promised, trouble=trouble), there.segments

    def _note(self, what: str, trouble: str | None) -> None:
        """Keep the last trouble of a kind, and log it once. A failed write is not logged: its callers get the error."""
        before = self._troubles.get(what)
        if trouble is None:
            self._troubles.pop(what, None)
        else:
            self._troubles[what] = trouble
        if trouble is not None and trouble != before and what != "write":
            log.error("the spool: %s", trouble)

    async def _in(self, thread: ThreadPoolExecutor, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(thread, work, *arguments)


def _resolve(together: Sequence[tuple[bytes, "asyncio.Future[None]"]], error: Exception | None) -> None:
    for _, done in together:
        if done.done():  # cancelled, or its caller no longer waits
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
