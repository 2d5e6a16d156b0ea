"""A file that was sent to the sandbox: only its size and SHA-256 are kept, not its content."""

import hashlib
from dataclasses import KW_ONLY, dataclass, field, replace
from typing import Any


@dataclass(slots=True)
class SimulatedFile:
    """A file, sent in part or completely; `owner` is the account that sent it."""

    id: str
    owner: str
    filename: str
    _: KW_ONLY
    received: int = 0
    complete: bool = False
    digest: Any = field(default_factory=hashlib.sha256, repr=False)

    def begin(self) -> None:
        """Start over, without the bytes that arrived before."""
        self.digest, self.received, self.complete = hashlib.sha256(), 0, False

    def take(self, piece: bytes | bytearray) -> None:
        """Add a piece of the file."""
        self.digest.update(piece)
        self.received += len(piece)

    def copy(self) -> "SimulatedFile":
        """Return the same file, to which pieces can be added apart."""
        return replace(self, digest=self.digest.copy())

    def to_json(self) -> dict[str, Any]:
        """Return what `GET /sandbox/uploads` shows."""
        return {
            "id": self.id,
            "size": self.received,
            "sha256": self.digest.hexdigest(),
            "complete": self.complete,
        }
