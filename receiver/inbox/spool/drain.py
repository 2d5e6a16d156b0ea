"""Give the records of a folder's segments to a function that stores them, and remove the stored records.

    locked ──▶ read ──▶ given in batches ──▶ settled: removed, kept aside, or kept for the next time

Everything but the storing happens in one thread beside the event loop. The process remembers which records it gave. So
an interrupted drain continues where it stopped; another process would start over.
"""

import asyncio
import hashlib
import logging
import os
import secrets
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import TypeVar

from receiver.failpoints import Failpoint, reach
from receiver.inbox.spool import segments
from receiver.inbox.spool.condition import Which
from receiver.inbox.spool.folder import DAMAGED, REFUSED, Place, SpoolFolder
from receiver.inbox.spool.segments import Scan, State, scan

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH = 100
BATCH_BYTES = 256 * 1024  # a slow line carries this much within a statement's deadline


class Fate(Enum):
    """The fate of a record that was given to the storing function."""

    STORED = "stored"
    LATER = "later"  # it was refused for a reason that can pass
    FOREIGN = "foreign"  # it is for another database
    REFUSED = "refused"  # it is kept aside


Take = Callable[[Sequence[bytes]], Awaitable[Sequence[Fate]]]


class Drain:
    """Drains a folder, and remembers its segments from one drain to the next.

    Args:
        thread: the thread that touches the disk.
    """

    def __init__(self, folder: SpoolFolder, thread: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._thread = thread
        self._fates: dict[Which, list[Fate]] = {}
        self._foreign: dict[Which, int] = {}
        self._unknown: set[Which] = set()

    @property
    def foreign(self) -> int:
        """How many records are for another database."""
        return sum(self._foreign.values())

    def forget_all_but(self, there: frozenset[Which]) -> None:
        """Forget the segments that are gone."""
        self._foreign = {which: count for which, count in self._foreign.items() if which in there}
        self._fates = {which: fates for which, fates in self._fates.items() if which in there}
        self._unknown &= there

    def look_again(self) -> None:
        """Read foreign records again in the next drain, because our database is another one now."""
        self._foreign.clear()

    async def run(self, take: Take) -> tuple[int, str | None]:
        """Give every record to `take`; return how many were stored and, as text, what could not be drained."""
        stored, trouble = 0, None
        for place in await self._in_thread(self._folder.segments):
            try:
                stored += await self._drain(place, take)
            except OSError as exc:  # the other segments might be readable
                trouble = f"{place.name} cannot be drained: {exc.strerror}"
        return stored, trouble

    async def _drain(self, place: Place, take: Take) -> int:
        opened = await self._in_thread(place.folder.lock, place.name)
        if opened is None:  # a living process writes to it, or another one drains it
            return 0
        try:
            which = (place.name, os.fstat(opened).st_ino)
            if which in self._unknown or which in self._foreign:
                return 0
            found = await self._in_thread(_read, opened, place.folder.is_private)
            fates = self._fates.setdefault(which, [])
            before = len(fates)
            while len(fates) < len(found.records):
                fates += await take(batch(found.records, len(fates)))
                reach(Failpoint.MID_DRAIN)
            await self._in_thread(self._settle, place, found, fates)
            self._fates.pop(which, None)
            self._remember(which, found, fates)
            return fates[before:].count(Fate.STORED)
        finally:
            os.close(opened)

    def _settle(self, place: Place, found: Scan, fates: Sequence[Fate]) -> None:
        """Remove a segment if no record is left; otherwise keep the remaining records in its place, or aside.

        After every step each record is in at least one file. After a crash it can be in two files, and is given twice.
        """
        name, folder = place.name, place.folder
        since = int(name.partition("-")[0]) / 1e9
        left = [record for record, fate in zip(found.records, fates, strict=True) if fate in (Fate.LATER, Fate.FOREIGN)]
        refused = [record for record, fate in zip(found.records, fates, strict=True) if fate is Fate.REFUSED]
        if found.state is State.UNKNOWN or (found.state is State.WHOLE and left and len(left) == len(fates)):
            return
        if refused:
            folder.write(_aside(name, refused), _segment(refused, since))
            log.error("%s: the database refuses %d deliveries, which are kept aside", name, len(refused))
        if left:
            folder.write(_beside(name) if found.state is State.DAMAGED else name, _segment(left, since))
        if found.state is State.DAMAGED:
            folder.rename(name, name.partition(".")[0] + DAMAGED)
            log.error("%s is damaged: %d whole records were read, and the file is kept aside", name, len(fates))
        elif not left:
            folder.remove(name)
            folder.sync()

    def _remember(self, which: Which, found: Scan, fates: Sequence[Fate]) -> None:
        """Note a segment that need not be read again."""
        if found.state is State.UNKNOWN:
            self._unknown.add(which)
            log.error("%s was written by another version: it stays until that version drains it", which[0])
        elif found.state is State.WHOLE and fates and set(fates) == {Fate.FOREIGN}:  # it was left in its place
            self._foreign[which] = len(fates)
            log.error("%s holds %d deliveries for another database: see `receiver spool`", which[0], len(fates))

    async def _in_thread(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def batch(records: Sequence[bytes], start: int) -> Sequence[bytes]:
    """Return the records from `start` on that fit into one batch."""
    size, end = 0, start
    while end < len(records) and end - start < BATCH and (end == start or size + len(records[end]) <= BATCH_BYTES):
        size += len(records[end])
        end += 1
    return records[start:end]


def _read(descriptor: int, searching: bool) -> Scan:  # noqa: FBT001 - run_in_executor takes no keywords
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return scan(file.read(), searching=searching)


def _aside(name: str, refused: Sequence[bytes]) -> str:
    """Return the file name for a segment's refused records; it depends on the records alone."""
    digest = hashlib.sha256(b"".join(hashlib.sha256(record).digest() for record in refused)).hexdigest()
    return f"{name.partition('-')[0]}-{digest[:16]}{REFUSED}"


def _beside(name: str) -> str:
    """Return the file name for the rest of a damaged segment. The segment keeps its name until the rest is written."""
    stem, _, suffix = name.partition(".")
    return f"{stem}0.{suffix}"


def _segment(records: Sequence[bytes], since: float) -> bytes:
    return segments.written(secrets.token_bytes(8), records, since)
