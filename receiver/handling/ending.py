"""The targets of the ready-made handler `forward` that want no more events, until a person resumes them.

forwarding ──the app answers 410──▶ ended: its jobs are dead at once ──`receiver forward --resume`──▶ forwarding
"""

from datetime import datetime
from typing import NamedTuple

from receiver.database import Database, query
from receiver.errors import ImpossibleError
from receiver.inbox import jobs
from receiver.settings import Settings
from receiver.settings.targets import HANDLER, Target


class Ended(NamedTuple):
    """A target to which nothing is forwarded: since when, and why."""

    target: str
    ended_at: datetime
    reason: str


class Resumed(NamedTuple):
    """A target that gets events again.

    Attributes:
        target: its name.
        had_ended: whether it did not get any.
        dead: how many dead jobs it has; at most `jobs.COUNTED`, which means that many or more.
    """

    target: str
    had_ended: bool
    dead: int


async def ended(db: Database) -> list[Ended]:
    """Return the targets to which nothing is forwarded any more, by name."""
    return [Ended(**dict(row)) for row in await db.fetch(query("handling/ended_targets"))]


async def resume(db: Database, target: str, configured: Settings) -> Resumed:
    """Forward to a target again.

    Raises:
        ImpossibleError: there is no target of this name.
    """
    had_ended = await db.fetchval(query("handling/resume_target"), target) is not None
    names = [one.name for one in configured.targets]
    if not had_ended and target not in names:
        raise ImpossibleError(f"there is no target {target}; there are {', '.join(names) or 'none'}")
    return Resumed(target, had_ended, await _dead(db, target, configured))


async def _dead(db: Database, target: str, configured: Settings) -> int:
    found = await jobs.counts(db, [account.id for account in configured.accounts])
    return sum(count.dead for count in found if count.handler == HANDLER.format(target))


def to_json(target: Target, ending: Ended | None) -> dict[str, object]:
    """Return the fields of a target that `receiver forward --json` prints. Of its address only scheme and host are."""
    return {
        "name": target.name, "handler": target.handler, "host": target.host, "types": list(target.types),
        "transcript": target.with_transcript, "ended_at": ending and ending.ended_at.isoformat(),
        "reason": ending and ending.reason,
    }  # fmt: skip
