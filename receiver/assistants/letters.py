"""Dead jobs by their cause; and running an event's jobs again, where that is allowed."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import Field

from receiver.assistants.arguments import Answer, Arguments, Name, Part, Since
from receiver.assistants.harmless import shown, shown_or_none
from receiver.assistants.state import State
from receiver.database import Connection
from receiver.errors import ImpossibleError
from receiver.handling import replay as replaying
from receiver.inbox import dead
from receiver.inbox.dead import Group

MOST = 1000  # jobs of each queue that are looked at
GROUPS, MOST_GROUPS = 20, 50
GONE = "left alone, because there is no such handler in the folder in which `receiver mcp` was started"


class Dead(Arguments):
    """Which dead jobs."""

    handler: Name | None = None
    error: Name | None = Field(default=None, description="Only those with this text in their error.")
    type: Name | None = Field(default=None, description="The type of their events, or a family: transcription.*.")
    since: Since | None = None
    limit: int = Field(default=GROUPS, ge=1, le=MOST_GROUPS, description="Groups at most, the largest first.")


class Again(Arguments):
    """What runs again."""

    event: Name = Field(description="The event's `key` or `name`, as list_events gives them.")
    handler: Name | None = Field(default=None, description="Only the job of this handler.")


class Grouped(Part):
    """Jobs of one handler with one cause."""

    handler: str
    cause: str = Field(description="The first line of their error, without its numbers and ids.")
    count: int
    is_at_least: bool = Field(description="Whether there can be more than count: only the newest were looked at.")
    oldest: datetime
    newest: datetime
    due_at: datetime | None = Field(description="When a waiting one is tried again.")
    example: str = Field(description="An event of them, for explain_event.")
    title: str | None
    transcription_id: str | None


class Letters(Answer):
    """Dead jobs, and those that wait for turns, money or a key."""

    dead: Sequence[Grouped]
    waiting: Sequence[Grouped]


class Replayed(Answer):
    """What became of an event's jobs."""

    event: str
    jobs_of: str = Field(description="The event whose jobs these are: another one, if this one came late.")
    pending: Sequence[str] = Field(description="The handlers that run again, each with all its tries.")
    running: Sequence[str] = Field(description="Those that run now, and were left alone.")
    gone: Sequence[str] = Field(description="Those that do not exist here.")


async def list_dead(state: State, asked: Dead) -> Letters:
    """Return dead jobs in groups."""
    wanted, wrong = dead.read_filter({name: str(value) for name, value in asked.given.items()})
    if wrong:
        raise ImpossibleError("; ".join(wrong))

    async def look(db: Connection) -> tuple[list[Group], list[Group]]:
        return await dead.groups(db, wanted, most=MOST), await dead.waiting(db, wanted)

    found, waiting = await state.read(look)
    left = len(found[asked.limit :]) + len(waiting[asked.limit :])
    more = f"smaller groups left out: {left}; raise limit, or say which jobs" if left else None
    return Letters(
        dead=[_grouped(group) for group in found[: asked.limit]],
        waiting=[_grouped(group) for group in waiting[: asked.limit]], more=more,
    )  # fmt: skip


async def replay(state: State, asked: Again) -> Replayed:
    """Run an event's jobs again."""
    known = state.handlers or {}
    chosen = replaying.chosen(known, asked.handler)
    done = await state.act(lambda db: replaying.replay(db, asked.event, chosen, known=known))
    more, gone = [], () if asked.handler else done.gone
    if not done.pending:
        more.append("nothing runs again: " + ("the jobs run now" if done.running else "no handler wants it"))
    if gone:
        more.append(f"{GONE}: {', '.join(map(shown, gone))}")
    return Replayed(
        event=shown(done.event), jobs_of=shown(done.instead or done.event), pending=done.pending, running=done.running,
        gone=gone, more="; ".join(more) or None,
    )  # fmt: skip


def _grouped(group: Group) -> Grouped:
    return Grouped(
        handler=group.handler, cause=shown(group.cause), count=group.count, is_at_least=group.is_more,
        oldest=group.oldest, newest=group.newest, due_at=group.due_at, example=shown(group.example),
        title=shown_or_none(group.title), transcription_id=shown_or_none(group.transcription_id),
    )  # fmt: skip
