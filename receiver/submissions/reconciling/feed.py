"""Whether an account's webhooks come: its feed, and how many ends they have announced."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from receiver import signature
from receiver.database import Database, query
from receiver.events import AccountId

LOOKS_OFF = "the feed looks switched off: enable it at the provider's dashboard, then `receiver test-event`"
COUNTED = 10_000  # the newest events that are counted


@dataclass(frozen=True, slots=True)
class Feed:
    """An account's stream of webhooks.

    Attributes:
        heard_at: when the last webhook was delivered, or refused for its time alone; None if none was.
        missed_at: when the last transcription ended that no webhook has announced; None if each was announced.
    """

    heard_at: datetime | None = None
    missed_at: datetime | None = None

    @property
    def looks_off(self) -> bool:
        """Whether something has ended since the last webhook, and was not announced."""
        return self.missed_at is not None and (self.heard_at is None or self.heard_at < self.missed_at)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many transcriptions have ended lately, and how many of these ends a webhook has announced."""

    announced: int
    ended: int

    @property
    def share(self) -> float | None:
        """The announced ones among all; None if none has ended."""
        return self.announced / self.ended if self.ended else None


async def read(db: Database, account: AccountId, secrets: Iterable[bytes]) -> Feed:
    """Return the state of an account's feed. `secrets` are those of its webhook; without one there is no feed."""
    fingerprints = [signature.fingerprint(secret) for secret in secrets]
    if not fingerprints:
        return Feed()
    row = await db.fetchrow(query("reconciling/feed"), *account, fingerprints)
    assert row is not None, "it selects two values"
    return Feed(row["heard_at"], row["missed_at"])


async def coverage(db: Database, account: AccountId) -> Coverage:
    """Count the ends of an account's transcriptions of the last 30 days, among the newest events of all."""
    row = await db.fetchrow(query("reconciling/coverage"), *account, COUNTED)
    assert row is not None, "it selects two counts"
    return Coverage(row["announced"], row["ended"])
