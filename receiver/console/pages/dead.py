"""Dead jobs by their cause: replay many, or leave them for good. Both say what will happen before they do it."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console import forms
from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.database import Connection, Database, Pool
from receiver.errors import ImpossibleError
from receiver.handling import choice, discovery
from receiver.handling.choice import Choice
from receiver.health import telling
from receiver.inbox import dead, replays
from receiver.inbox.attempts import this_person
from receiver.inbox.dead import Filter, Seen
from receiver.inbox.replays import Replay

MOST = 1000  # jobs of each queue that are looked at for the groups
GROUPS = 50
REPLAYS = 10
NUMBER = re.compile(r"[1-9][0-9]{0,8}")
SAID: Mapping[str, str] = {
    "dropped": "The jobs are dropped. `receiver replay EVENT`, or Replay on the page of an event, brings one back.",
    "left": "Some were left alone, because somebody has replayed or dropped them meanwhile.",
}
CHANGED = "nothing of this is dead any more: somebody has replayed or dropped it"


async def show(request: Request, console: Console) -> Response:
    """Show the groups."""
    wanted, wrong = dead.read_filter(request.query_params)

    async def look(db: Connection) -> tuple[Any, ...]:
        if wrong:
            return [], [], []
        return (
            await dead.groups(db, wanted, most=MOST), await dead.waiting(db, wanted),
            await replays.recent(db, limit=REPLAYS, state="running", counted=0),
        )  # fmt: skip

    found, waiting, under_way = await console.read(look)
    return render(
        request, "dead.html", wanted=wanted, fields=_fields(wanted), given=request.query_params, wrong=wrong,
        groups=found[:GROUPS], more=len(found) - GROUPS, waiting=waiting[:GROUPS], under_way=under_way,
        handlers=console.handlers, most=MOST,
        said=[SAID[word] for word in dict.fromkeys(request.query_params.getlist("said")) if word in SAID],
    )  # fmt: skip


async def ask_replay(request: Request, console: Console) -> Response:
    """Show what a bulk replay would do."""
    wanted = _read(request.query_params)

    async def look(db: Connection) -> tuple[Choice, int, bool]:
        found = await _choose(db, console, wanted, None)
        return (
            found, await replays.listed(db, found.jobs),
            await telling.has_worker(db, console.configured.chosen.api_url),
        )  # fmt: skip

    found, listed, has_worker = await console.read(look)
    return render(
        request, "dead_replay.html", fields=_fields(wanted), found=found, listed=listed, came=_came(found.jobs),
        no_worker="" if has_worker else telling.NO_WORKER,
    )  # fmt: skip


async def replay(request: Request, console: Console) -> Response:
    """Begin a bulk replay: of no more jobs than the page has said, the oldest first."""
    form = await forms.read(request)
    wanted, limit, said = _read(form), _number(form, "limit"), _number(form, "said")

    async def work(db: Pool) -> Replay:
        found = await _choose(db, console, wanted, min(limit, said))
        if not found.jobs:
            raise ImpossibleError(CHANGED)
        described = wanted.to_json() | ({"limit": limit} if limit < said else {})
        return await replays.start(db, found.jobs, described, by=this_person("console"))

    begun = await console.act(work)
    return RedirectResponse(f"/replays/{begun.id}", 303)


async def ask_drop(request: Request, console: Console) -> Response:
    """Show what would be dropped."""
    wanted = _read(request.query_params)
    found = await console.read(partial(_droppable, console=console, wanted=wanted))
    others = dead.without_own_work(found)
    return render(
        request, "dead_drop.html", fields=_fields(wanted), found=others, came=_came(others),
        handlers=Counter(job.handler for job in others), pending=sum(job.state == "pending" for job in others),
        own="" if len(others) == len(found) else dead.of_own_work(len(found) - len(others)),
    )  # fmt: skip


async def drop(request: Request, console: Console) -> Response:
    """Drop no more jobs than the page has said, the oldest first."""
    form = await forms.read(request)
    wanted, said, reason = _read(form), _number(form, "said"), form.get("reason", "").replace("\0", "").strip() or None

    async def work(db: Pool) -> tuple[int, int]:
        found = dead.without_own_work(await _droppable(db, console=console, wanted=wanted))[:said]
        if not found:
            raise ImpossibleError(CHANGED)
        return len(await dead.drop(db, found, by=this_person("console"), reason=reason)), len(found)

    dropped, asked = await console.act(work)
    return RedirectResponse(f"/dead?said=dropped{'' if dropped == asked else '&said=left'}", 303)


async def _choose(db: Database, console: Console, wanted: Filter, limit: int | None) -> Choice:
    known = discovery.with_own(console.handlers)
    return await choice.choose(db, wanted, limit=limit, known=known, configured=console.configured)


async def _droppable(db: Database, console: Console, wanted: Filter) -> list[Seen]:
    return await dead.droppable(db, None, wanted, known=discovery.with_own(console.handlers))


def _read(fields: Mapping[str, str]) -> Filter:
    """Return which jobs are meant.

    Raises:
        ImpossibleError: a field is wrong, or none is filled in.
    """
    wanted, wrong = dead.read_filter(fields)
    if wrong:
        raise ImpossibleError("; ".join(wrong))
    if wanted.is_empty:
        raise ImpossibleError("say which jobs: a handler, an error, a time or a type")
    return wanted


def _number(form: Mapping[str, str], name: str) -> int:
    text = form.get(name, "").strip()
    if not NUMBER.fullmatch(text):
        raise ImpossibleError("write how many jobs at most: a whole number from 1 on")
    return int(text)


def _fields(wanted: Filter) -> dict[str, str]:
    """Return a filter as the fields of a form and the values of a URL."""
    return {name: str(value) for name, value in wanted.to_json().items()}


def _came(found: Any) -> tuple[Any, Any] | None:
    """Return when the first and the last event of jobs came."""
    times = [job.received_at for job in found]
    return (min(times), max(times)) if times else None
