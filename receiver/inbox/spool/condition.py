"""The state of a spool, and the contents of its folder."""

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from receiver.inbox.spool import segments
from receiver.inbox.spool.folder import DAMAGED, NAME, REFUSED, Place, SpoolFolder

SPLIT = "its folder was moved away or covered while deliveries waited in it; only this process can find them"

Which = tuple[str, int]  # a segment's name and inode: a rewritten segment keeps its name


@dataclass(frozen=True, slots=True)
class Condition:
    """The state of a spool.

    Attributes:
        path: its folder.
        used, limit: bytes of records, and the most bytes of records.
        since: when the oldest record that waits was spooled (unix seconds).
        foreign: how many records are for another database.
        refused, damaged, unknown: how many files hold refused records, are damaged, were written by another version.
        is_promised: whether the next segment's space stays reserved when the disk fills up.
        lacks: what the disk has run out of, as text.
        trouble: what failed last, as text.
    """

    path: Path
    used: int
    limit: int
    since: float | None = None
    foreign: int = 0
    refused: int = 0
    damaged: int = 0
    unknown: int = 0
    is_promised: bool = True
    lacks: str | None = None
    trouble: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no record waits."""
        return self.since is None


@dataclass(frozen=True, slots=True)
class Holdings:
    """The contents of a folder, from every process.

    Attributes:
        segments: (name, inode) of each segment.
        used: bytes of records in them.
        since: when the oldest record was spooled (unix seconds).
        refused, damaged: how many files are kept aside.
        unknown: the segments that another version wrote.
    """

    segments: frozenset[Which]
    used: int
    since: float | None
    refused: int
    damaged: int
    unknown: frozenset[Which] = frozenset()


def look(folder: SpoolFolder, limit: int, unknown: Collection[Which]) -> tuple[Condition, Holdings | None]:
    """Return the state of a folder with a limit of bytes, and its contents; None for them if it cannot be read."""
    try:
        there = holdings(folder, unknown)
    except OSError as exc:
        return Condition(folder.path, 0, limit, trouble=f"it {words(exc)}"), None
    lacks = None
    with suppress(OSError):  # the folder is not made yet
        lacks = folder.lacks()
    found = Condition(
        path=folder.path, used=there.used, limit=limit, since=there.since, refused=there.refused, damaged=there.damaged,
        unknown=len(there.unknown), lacks=lacks, trouble=SPLIT if folder.is_split else None,
    )  # fmt: skip
    return found, there


def words(error: BaseException) -> str:
    """Return why the spool cannot be used, as text."""
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be used ({reason or f'{type(error).__name__}: {error}'})"


def holdings(folder: SpoolFolder, unknown: Collection[Which] = ()) -> Holdings:
    """Return the contents of `folder`. The `unknown` segments were read before.

    Raises:
        OSError: the folder cannot be read.
    """
    files = folder.files()
    used, since, there, others = 0, list[float](), set[Which](), set[Which]()
    for place in files:
        if not NAME.fullmatch(place.name):
            continue
        with suppress(OSError):  # it was drained since then, or cannot be trusted
            which, length, begun = _peek(place, unknown)
            there.add(which)
            if length is None:
                others.add(which)
            elif length:
                used += length
                since.append(begun)
    return Holdings(
        frozenset(there), used, min(since, default=None),
        refused=sum(place.name.endswith(REFUSED) for place in files),
        damaged=sum(place.name.endswith(DAMAGED) for place in files), unknown=frozenset(others),
    )  # fmt: skip


def _peek(place: Place, unknown: Collection[Which]) -> tuple[Which, int | None, float]:
    """Return a segment's name and inode, its bytes of records (None: another version's), and its start."""
    since = int(place.name.partition("-")[0]) / 1e9
    descriptor = place.folder.open(place.name, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        which = (place.name, status.st_ino)
        head = os.pread(descriptor, segments.START, 0)
        if which in unknown:
            return which, None, since
        if segments.is_known(head):
            length, begun = segments.used(head, status.st_size)
            return which, length, since if begun is None else begun
        found = segments.scan(os.pread(descriptor, status.st_size, 0), searching=place.folder.is_private)
    finally:
        os.close(descriptor)
    length = sum(map(len, found.records))
    return which, None if found.state is segments.State.UNKNOWN else length, since
