"""Choose the dead jobs of a bulk replay, and say what it will cost before anybody is asked.

    dead jobs that are meant ──▶ of a handler that is gone, of an account that is not configured ──▶ left out, and said
                             └──▶ chosen ──▶ the answers that are not kept: so many calls, at the key's rate

Which calls a handler makes is not known before it runs. What can be known is which answers of the provider are not kept
yet: a transcription's transcript, and its timestamps in the formats of the settings. So the calls are at most about as
many. What handlers ask for beside that is not counted. Of very many jobs some are looked at, taken by chance.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from receiver.database import Database, query
from receiver.events import AccountId
from receiver.inbox import dead, replays
from receiver.inbox.dead import Filter, Seen
from receiver.inbox.replays import Replay
from receiver.providers.rate import Rate
from receiver.settings import Settings
from receiver.settings.accounts import TRANSCRIBE

MOST_LOOKED_AT = 1000  # events


@dataclass(frozen=True, slots=True)
class _Able:
    """The dead jobs that are meant, apart by whether they can be replayed: as in `Choice`."""

    jobs: Sequence[Seen]
    gone: Counter[str]
    elsewhere: int


@dataclass(frozen=True, slots=True)
class Choice:
    """The dead jobs that are meant.

    Attributes:
        jobs: those that can be replayed, the oldest first.
        gone: how many are left out of each handler that is not known here.
        elsewhere: how many are left out because their account is not configured here.
        calls: how many calls to the provider they make at most, about.
        takes: how long these calls take at the rate of their keys.
    """

    jobs: Sequence[Seen]
    gone: Counter[str]
    elsewhere: int
    calls: int
    takes: timedelta

    @property
    def handlers(self) -> Counter[str]:
        """How many jobs are chosen of each handler."""
        return Counter(job.handler for job in self.jobs)

    @property
    def cost(self) -> str:
        """What they cost, in words."""
        text = "no calls to the provider: what is known of their transcriptions is kept"
        if self.calls:
            takes = f"{max(self.takes / timedelta(minutes=1), 1):.0f} min"
            text = f"at most about {self.calls} calls to the provider: {takes} at this key's rate"
        return f"{text}; what your handlers ask for beside that is not counted"

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `replay --dead --json` prints of it."""
        return {"handlers": self.handlers, "calls": self.calls, "call_seconds": self.takes.total_seconds()}


async def choose(
    db: Database, wanted: Filter, *, limit: int | None, known: Collection[str], configured: Settings
) -> Choice:
    """Return the dead jobs that are meant and can be replayed: at most `limit`, the oldest first.

    `known` are the names of all handlers.
    """
    able = await _able(db, wanted, known=known, configured=configured)
    jobs = able.jobs[:limit]
    calls, takes = await _cost(db, jobs, configured)
    return Choice(jobs, able.gone, able.elsewhere, calls, takes)


async def replay(
    db: Database, wanted: Filter, *, limit: int, said: int, known: Collection[str], configured: Settings, by: str
) -> Replay:
    """Begin a bulk replay of what is meant, after a person was told of `said` jobs: of no more than that.

    Of at most `limit` jobs, the oldest first. `known` are the names of all handlers.

    Raises:
        ImpossibleError: nothing is left to replay.
    """
    found = await _able(db, wanted, known=known, configured=configured)
    jobs = found.jobs[: min(limit, said)]
    return await replays.start(db, jobs, wanted, by=by, limit=limit if limit < said else None)


async def _able(db: Database, wanted: Filter, *, known: Collection[str], configured: Settings) -> _Able:
    found = await dead.chosen(db, wanted)
    gone = Counter(job.handler for job in found if job.handler not in known)
    ours = {account.id for account in configured.accounts}
    able = [job for job in found if job.handler in known]
    jobs = [job for job in able if job.account in ours]
    return _Able(jobs, gone, len(able) - len(jobs))


async def _cost(db: Database, jobs: Sequence[Seen], configured: Settings) -> tuple[int, timedelta]:
    """Return how many answers are not kept, and how long it takes to fetch them. Accounts do not wait for others."""
    kinds = ["result", *(f"timestamps/{name}/%" for name in configured.timestamps)]
    events = sorted({job.event for job in jobs})
    chance = Random(0)  # noqa: S311 - it takes a sample, the same each time
    looked_at = events if len(events) <= MOST_LOOKED_AT else chance.sample(events, MOST_LOOKED_AT)
    rows = await db.fetch(query("providers/missing_answers"), looked_at, TRANSCRIBE.source, kinds)
    missing = {
        AccountId(row["source"], row["api_url"], row["account"]): round(row["missing"] * len(events) / len(looked_at))
        for row in rows
    }
    seconds = [
        missing[account.id] * Rate.of(account.requests_a_minute).step
        for account in configured.accounts
        if account.id in missing
    ]
    return sum(missing.values()), timedelta(seconds=max(seconds, default=0))
