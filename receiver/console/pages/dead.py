"""Dead jobs by their cause: replay many, or leave them for good. Both say what will happen before they do it."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console import forms
from receiver.console.pages.events import doubts
from receiver.console.pages.replays import without_worker
from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.database import Connection, Pool
from receiver.errors import ImpossibleError
from receiver.handling import choice, discovery
from receiver.handling.choice import Choice
from receiver.inbox import dead, dropping, replays
from receiver.inbox.attempts import this_person
from receiver.inbox.dead import Filter, Seen
from receiver.inbox.dropping import Dropped
from receiver.inbox.replays import Replay

MOST = 1000  # jobs of each queue that are looked at for the groups
GROUPS = 50
REPLAYS = 10
NUMBER = re.compile(r"[1-9][0-9]{0,8}")
SAID: Mapping[str, str] = {
    "dropped": "The jobs are dropped. `receiver replay EVENT`, or Replay on the page of an event, brings one back.",
    "left": "Some were left alone, because somebody has replayed or dropped them meanwhile.",
}


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
        request, "dead.html", fields=_fields(wanted), given=request.query_params, wrong=wrong,
        groups=found[:GROUPS], more=len(found) - GROUPS, waiting=waiting[:GROUPS], under_way=under_way,
        handlers=console.handlers, known=discovery.with_own(console.handlers), most=MOST,
        doubts=[] if found else doubts(console, handler=wanted.handler), said=sentences(request, SAID),
    )  # fmt: skip


async def ask_replay(request: Request, console: Console) -> Response:
    """Show what a bulk replay would do."""
    wanted, known = dead.meant(request.query_params), discovery.with_own(console.handlers)

    async def look(db: Connection) -> tuple[Choice, int, Any, str]:
        found = await choice.choose(db, wanted, limit=None, known=known, configured=console.configured)
        return (
            found, await replays.listed(db, found.jobs), await dead.came(db, found.jobs),
            await without_worker(db, console),
        )  # fmt: skip

    found, listed, came, no_worker = await console.read(look)
    return render(
        request, "dead_replay.html", fields=_fields(wanted), found=found, listed=listed, came=came,
        handlers=found.handlers, no_worker=no_worker,
    )  # fmt: skip


async def replay(request: Request, console: Console) -> Response:
    """Begin a bulk replay: of no more jobs than the page has said, the oldest first."""
    form = await forms.read(request)
    wanted, limit, said = dead.meant(form), number(form, "limit"), number(form, "said")

    async def work(db: Pool) -> Replay:
        return await choice.replay(
            db, wanted, limit=limit, said=said, known=discovery.with_own(console.handlers),
            configured=console.configured, by=this_person("console"),
        )  # fmt: skip

    begun = await console.act(work)
    console.changes.note()
    return RedirectResponse(f"/replays/{begun.id}", 303)


async def ask_drop(request: Request, console: Console) -> Response:
    """Show what would be dropped."""
    wanted = dead.meant(request.query_params)
    return await show_drop(request, console, wanted, act="/dead/drop", back="/dead")


async def drop(request: Request, console: Console) -> Response:
    """Drop no more jobs than the page has said, the oldest first."""
    form = await forms.read(request)
    dropped = await drop_said(console, dead.meant(form), form)
    return RedirectResponse(f"/dead?said=dropped{'' if dropped.number == dropped.of else '&said=left'}", 303)


async def show_drop(
    request: Request, console: Console, wanted: Filter, *, act: str, back: str, event: str | None = None,
    about: str = "",
) -> Response:  # fmt: skip
    """Show which jobs would be dropped: all that are meant, or those of an event, which is `about` something.

    `act` is where the form leads, `back` where the page was opened.
    """

    async def look(db: Connection) -> tuple[Sequence[Seen], Sequence[Seen], tuple[datetime, datetime] | None]:
        found = await dropping.droppable(db, event, wanted, known=discovery.with_own(console.handlers))
        others = dropping.without_own_work(found)
        return found, others, await dead.came(db, others)

    found, others, came = await console.read(look)
    return render(
        request, "dead_drop.html", fields=_fields(wanted), found=others, came=came, act=act, back=back, about=about,
        handlers=Counter(job.handler for job in others), pending=sum(job.state == "pending" for job in others),
        own="" if len(others) == len(found) else dropping.of_own_work(len(found) - len(others)),
        longest=dropping.REASON,
    )  # fmt: skip


async def drop_said(console: Console, wanted: Filter, form: Mapping[str, str], *, event: str | None = None) -> Dropped:
    """Do what the form of that page asks for."""
    said, known = number(form, "said"), discovery.with_own(console.handlers)

    async def work(db: Pool) -> Dropped:
        by, reason = this_person("console"), form.get("reason")
        return await dropping.drop_meant(db, event, wanted, said=said, known=known, by=by, reason=reason)

    dropped = await console.act(work)
    console.changes.note()
    return dropped


def sentences(request: Request, said: Mapping[str, str]) -> list[str]:
    """Return what an address says has been done: of these sentences, those whose words it has."""
    words = request.query_params.getlist("said")
    return [sentence for word, sentence in said.items() if word in words]


def number(form: Mapping[str, str], name: str) -> int:
    """Return a number of jobs.

    Raises:
        ImpossibleError: it is none.
    """
    text = form.get(name, "").strip()
    if not NUMBER.fullmatch(text):
        raise ImpossibleError("write how many jobs at most: a whole number from 1 on")
    return int(text)


def _fields(wanted: Filter) -> dict[str, str]:
    """Return a filter as the fields of a form and the values of a URL."""
    return {name: str(value) for name, value in wanted.to_json().items()}
