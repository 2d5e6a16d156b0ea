"""What the providers were asked for: the list, one submission, its files, and what a person says of a lost answer."""

import asyncio
from functools import partial
from typing import Any, NamedTuple, cast, get_args

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response

from receiver.console import forms, objects
from receiver.console.pages import transcripts
from receiver.console.rendering import render, with_query
from receiver.console.state import Console
from receiver.errors import ImpossibleError, ProviderError
from receiver.inbox import artifacts, filters
from receiver.submissions import announcing, finding, records, resolving, results
from receiver.submissions.finding import Evidence
from receiver.submissions.library import playing
from receiver.submissions.moves import State
from receiver.submissions.records import Submission
from receiver.submissions.resolving import Action

LIST = "/submissions"
ROWS = 50
ASK_SECONDS = 10.0


class Moment(NamedTuple):
    """A moment in the life of a submission."""

    name: str
    at: Any


async def show(request: Request, console: Console) -> Response:
    """List submissions, newest first; only those that match everything that the address asks for."""
    given, said = request.query_params, ""
    asked = {name: given.get(name, "").strip() for name in ("title", "source", "account", "since")}
    states, before = [state for state in given.getlist("state") if state], given.get("before") or None
    recent = partial(records.recent, limit=ROWS + 1)
    try:
        wanted = _wanted(states, asked)
        found = await console.read(partial(recent, before=before, **wanted))
    except (ValueError, ImpossibleError) as exc:
        before, said = None, f"{str(exc).rstrip('.')}. Shown are all."
        found = await console.read(partial(recent, states=None))
    shown, address = found[:ROWS], {"state": states, **asked}
    older = with_query(LIST, address | {"before": shown[-1].id}) if len(found) > ROWS else ""
    return render(
        request, "submissions.html", status=400 if said else 200, live=before is None and not said, said=said,
        found=shown, older=older, asked=asked, states=states, every_state=list(State), is_first=before is None,
        sources=sorted({account.source for account in console.configured.accounts}),
        filtered=any((states, *asked.values())),
    )  # fmt: skip


def _wanted(states: list[str], asked: dict[str, str]) -> dict[str, Any]:
    """Return what the list is asked for.

    Raises:
        ValueError: there is no such state, or no such length of time.
    """
    if unknown := set(states) - set(State):
        raise ValueError(f"There is no state {', '.join(sorted(unknown))}: there are {', '.join(State)}.")
    since = filters.duration(asked["since"]) if asked["since"] else None
    texts = {name: asked[name] or None for name in ("title", "source", "account")}
    return {"states": [State(state) for state in states] or None, "since": since, **texts}


async def one(request: Request, console: Console) -> Response:
    """Show a submission: how far it is, what to do about it, and what it has brought."""
    found = await _known(request, console)
    files = await console.read(lambda db: artifacts.of(db, found.id))
    trouble = await console.read(lambda db: results.trouble(db, found))
    moments = (
        Moment("Asked for", found.created_at), Moment("Uploaded", found.uploaded_at), Moment("Sent", found.sent_at),
        Moment("Accepted", found.accepted_at), Moment("Seen last", found.seen_at), Moment("Overdue", found.overdue_at),
        Moment("Ended", found.ended_at),
    )  # fmt: skip
    return render(
        request, "submission.html", live=not found.is_over, one=found, files=files, trouble=trouble,
        moments=sorted((moment for moment in moments if moment.at is not None), key=lambda moment: moment.at),
        transcript=_transcript(found, console), was_before="before" in request.query_params,
    )  # fmt: skip


async def file(request: Request, console: Console) -> Response:
    """Return a file that a submission has brought, or the part of it that is asked for. Players can play it."""
    found, asked = await _known(request, console), request.path_params["name"]
    files = await console.read(lambda db: artifacts.of(db, found.id))
    named = {str(number): one for number, one in enumerate(files, 1)} | {one.name: one for one in files}
    artifact = named.get(asked)  # its path is not made of the address
    if artifact is None:
        raise HTTPException(404, f"{found.id} has no such file, or `receiver prune --artifacts` has deleted it.")
    played = playing.kind(artifact.name)
    kind = played or artifact.safe_type
    if artifact.in_bucket:
        return await objects.answer(request, artifact, kind, inline=played is not None)
    status = await asyncio.to_thread(artifacts.stored, artifact)
    return FileResponse(
        artifact.path, media_type=kind, filename=artifact.name, stat_result=status,
        content_disposition_type="inline" if played else "attachment",
    )  # fmt: skip


async def ask(request: Request, console: Console) -> Response:
    """Show what is known of a submission whose answer was lost, and what each decision will do."""
    found = await _known(request, console)
    evidence, said = Evidence(), ""
    try:
        async with asyncio.timeout(ASK_SECONDS):
            evidence = await console.act(lambda db: finding.evidence(console.configured, db, found))
    except (ProviderError, ImpossibleError, TimeoutError) as exc:
        said = f"What it may have become cannot be looked up: {str(exc) or f'no answer within {ASK_SECONDS:g} s'}."
    return render(
        request, "resolve.html", one=found, evidence=evidence, said=said, is_unknown=found.state is State.UNKNOWN,
        can_be_found=resolving.can_be_found(found),
    )  # fmt: skip


async def resolve(request: Request, console: Console) -> Response:
    """Do what a person has decided."""
    found, form = await _known(request, console), await forms.read(request)
    action, remote_id = form.get("action", ""), form.get("remote_id", "").strip()
    if action not in get_args(Action):
        raise HTTPException(400, "Choose what becomes of it.")

    async def work(db: Any) -> Submission:
        async with db.acquire() as connection:
            return await resolving.resolve(connection, found.id, cast("Action", action), remote_id or None)

    await console.act(work)
    console.changes.note()
    return RedirectResponse(f"/submissions/{found.id}", 303)


def _transcript(found: Submission, console: Console) -> str:
    """Return the page of the transcript that a submission has brought; empty if it has brought none."""
    number = announcing.transcript_id(found)
    return "" if number is None else transcripts.address(console, found.source, number, found.api_url)


async def _known(request: Request, console: Console) -> Submission:
    asked: str = request.path_params["id"]
    found = await console.read(lambda db: records.find(db, asked))
    if found is None:
        raise HTTPException(404, "There is no such submission.")
    return found
