"""How a spool is, for whoever shows it."""

from dataclasses import dataclass
from pathlib import Path


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
