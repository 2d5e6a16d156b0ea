"""How a spool is, for whoever shows it, and what lies in its folder."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from receiver.spool import segments
from receiver.spool.folder import DAMAGED, NAME, REFUSED, Folder, Place


@dataclass(frozen=True, slots=True)
class Condition:
    """How a spool is.

    Attributes:
        path: where it lies.
        used, limit: bytes of records, and how many there may be.
        since: when the oldest record that waits was spooled (unix seconds).
        foreign: records for another database.
        refused, damaged, unknown: files: what the database refuses, what is not whole, what another version wrote.
        is_promised: whether the room for the next segment is ours, whatever else fills the disk.
        lacks: what its disk has none left of, in words.
        trouble: what could not be done last, in words.
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
        """Whether nothing waits."""
        return self.since is None


@dataclass(frozen=True, slots=True)
class Holdings:
    """What lies in a folder, whoever wrote it.

    Attributes:
        segments: (name, inode) of each.
        used: bytes of records in them.
        since: when the oldest record was spooled (unix seconds).
        refused, damaged: files that are kept aside.
    """

    segments: frozenset[tuple[str, int]]
    used: int
    since: float | None
    refused: int
    damaged: int


def holdings(folder: Folder) -> Holdings:
    """Look what lies in `folder`.

    Raises:
        OSError: it cannot be looked at.
    """
    files = folder.files()
    used, since, there = 0, list[float](), set[tuple[str, int]]()
    for place in files:
        if not NAME.fullmatch(place.name):
            continue
        with suppress(OSError):  # drained meanwhile, or nothing that we believe
            number, length, begun = _peek(place)
            there.add((place.name, number))
            used += length
            since += [begun] if length else []
    return Holdings(
        frozenset(there), used, min(since, default=None),
        refused=sum(place.name.endswith(REFUSED) for place in files),
        damaged=sum(place.name.endswith(DAMAGED) for place in files),
    )  # fmt: skip


def _peek(place: Place) -> tuple[int, int, float]:
    """Return a segment's inode, how many bytes of records it holds, and since when."""
    descriptor = place.folder.open(place.name, os.O_RDONLY)
    try:
        status = os.fstat(descriptor)
        length, since = segments.used(os.pread(descriptor, segments.START, 0), status.st_size)
    finally:
        os.close(descriptor)
    return status.st_ino, length, int(place.name.partition("-")[0]) / 1e9 if since is None else since
