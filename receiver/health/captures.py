"""Keep the last deliveries that were refused although their signature has the right form, for `receiver diagnose`.

    matches no secret ──▶ at most one a second, and 10 in memory ──▶ 10 rows, which are overwritten
    any other ──────────▶ the same                              ──▶ 10 other rows

So whoever sends bad deliveries fills no table, and pushes out no delivery that a secret proves. Only those header lines
are kept that have to do with the signature and with the body; others can hold secrets. A body that is much larger than
the provider's is not kept.
"""

import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from receiver.database import Connection, Connections, Database, query
from receiver.database.hint import Hint
from receiver.errors import NoSecretError, ReceiverError, SignatureError
from receiver.events import AccountId

log = logging.getLogger(__name__)

EACH = 10
MOST = 2 * EACH
BODY_BYTES = 16 * 1024
MISMATCH = "mismatch"
BETWEEN_SECONDS = 1.0
LONGEST_SECONDS = 3600.0
KEPT = frozenset({
    b"content-type", b"content-length", b"content-encoding", b"host", b"user-agent", b"via",
})  # fmt: skip


class _Refused(NamedTuple):
    at: float  # by the monotonic clock
    place: AccountId | str
    reason: str
    client: str | None
    head: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Capture:
    """A delivery that was refused.

    Attributes:
        place: the account whose webhook it came to, or the token of a callback.
        reason: why it was refused.
        client: the address that it came from.
        at: when it came.
        head: its header lines, without those that were not kept.
    """

    place: AccountId | str
    reason: str
    client: str | None
    at: datetime
    head: bytes = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def request(self) -> bytes:
        """The request as `diagnose` reads it: header lines, an empty line, the body."""
        return self.head + b"\r\n" + self.body

    @property
    def whence(self) -> str:
        """Where it came from and to, in words."""
        to = "a callback" if isinstance(self.place, str) else self.place.account
        return f"from {self.client or 'nobody knows where'} to {to}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `diagnose --last --json` prints. What came is not among them."""
        account = None if isinstance(self.place, str) else self.place.account
        return {"at": self.at.isoformat(), "account": account, "client": self.client, "reason": self.reason}


class Captures:
    """What one web process keeps.

    Args:
        connections: run the statements.
        seconds: how long a statement can take.
        between: seconds between two deliveries that are kept.
    """

    def __init__(self, connections: Connections, *, seconds: float, between: float = BETWEEN_SECONDS) -> None:
        self._connections = connections
        self._seconds = seconds
        self._between = between
        self._kept: dict[bool, deque[_Refused]] = {is_proven: deque(maxlen=EACH) for is_proven in (False, True)}
        self._last = {False: float("-inf"), True: float("-inf")}
        self._hint = Hint()

    def note(
        self, error: Exception, place: AccountId | str, headers: Sequence[tuple[bytes, bytes]], body: bytes,
        client: str | None,
    ) -> None:  # fmt: skip
        """Keep a delivery whose proof has failed, unless another one was kept a moment ago."""
        if isinstance(error, SignatureError) and error.reason in (MISMATCH, "stale"):
            reason = error.reason
        elif isinstance(error, NoSecretError):
            reason = error.code
        else:
            return
        now, is_proven = time.monotonic(), reason != MISMATCH
        if now - self._last[is_proven] < self._between or len(body) > BODY_BYTES:
            return
        self._last[is_proven] = now
        self._kept[is_proven].append(_Refused(now, place, reason, client, _head(headers), body))
        self._hint.give()

    @property
    def kept(self) -> list[bytes]:
        """The bodies that wait in memory."""
        return [refused.body for kept in self._kept.values() for refused in kept]

    async def keep(self) -> None:
        """Write down what is kept, until cancelled. While the database is away, the newest stay in memory."""
        while True:
            await self._hint.within(self._between if self.kept else LONGEST_SECONDS)
            self._hint.take()
            await self.write()

    async def write(self) -> None:
        """Write down what is kept."""
        for kept in self._kept.values():
            while kept:
                refused = kept[0]
                try:
                    await self._connections.run(partial(_write, refused), seconds=self._seconds)
                except ReceiverError as exc:
                    log.debug("a refused delivery was not written down: %s", exc)
                    return
                if kept and kept[0] is refused:  # a later one might have pushed it out meanwhile
                    kept.popleft()


async def last(db: Database) -> list[Capture]:
    """Return the last deliveries that were refused, newest first."""
    return [
        Capture(
            row["token"] or AccountId(row["source"], row["api_url"], row["account"]),
            row["reason"], row["client"], row["at"], row["head"], row["body"],
        )
        for row in await db.fetch(query("health/list_refused"), MOST)
    ]  # fmt: skip


async def _write(refused: _Refused, connection: Connection) -> None:
    ago = timedelta(seconds=time.monotonic() - refused.at)
    place = refused.place
    whose = (None, None, None, place) if isinstance(place, str) else (*place, None)
    first = EACH if refused.reason == MISMATCH else 0
    await connection.execute(
        query("health/keep_refused"), ago, *whose, refused.reason, refused.client, refused.head, refused.body, first,
        first + EACH - 1,
    )  # fmt: skip


def _head(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(
        b"%s: %s\r\n" % (name, value) for name, value in headers if name.lower() in KEPT or b"signature" in name.lower()
    )
