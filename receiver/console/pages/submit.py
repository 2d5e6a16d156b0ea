"""Submit a recording: what is asked for, its price, and only then the submission, once."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console import errors, forms, uploads
from receiver.console.rendering import render
from receiver.console.state import Console, Handing
from receiver.errors import ImpossibleError, ProviderError
from receiver.submissions.drafts import FILES, MOST_FILES, OPTION, Draft, Drafts, Offer, arriving, handing, offered

PRICE_SECONDS = 15.0
SOON_SECONDS = 1.5


async def new(request: Request, console: Console) -> Response:
    """Show what can be asked for, or the form for one of these."""
    offers = offered(console.configured)
    chosen = _chosen(request, offers) if request.query_params.get("source") else None
    return render(
        request, "submit.html", offers=offers, chosen=chosen, most=Drafts(console.configured).most,
        most_files=MOST_FILES, option=OPTION, files=FILES,
    )  # fmt: skip


async def hand_in(request: Request, console: Console) -> Response:
    """Take in what is asked for. Nothing is sent or paid."""
    chosen, drafts = _chosen(request, offered(console.configured)), Drafts(console.configured)
    size = int(request.headers.get("content-length") or 0)
    if size > drafts.most + uploads.MARGIN_BYTES:
        raise HTTPException(413, f"{arriving.too_large(drafts.most)}.")
    with drafts.arriving(size) as coming:
        form = await uploads.read(request, coming, console.ending)
        draft = chosen.draft(coming.folder.name, form.fields, form.files)
        await asyncio.to_thread(drafts.asked, draft)  # mistakes are said at once
        await asyncio.to_thread(drafts.keep, draft)
    return RedirectResponse(f"/submissions/drafts/{draft.id}", 303)


async def show(request: Request, console: Console) -> Response:
    """Show what will be asked for and what it will cost, how far it is, or lead to what became of it."""
    draft, handed = await _known(request, console), console.handing.get(request.path_params["draft"])
    said, is_under_way = "", handed is not None and not handed.task.done()
    if not (draft.prices or draft.is_submitted or is_under_way):
        said = await _price(console, draft)
        # Somebody can have submitted it from another page meanwhile.
        draft, handed = await _known(request, console), console.handing.get(draft.id)
        is_under_way = handed is not None and not handed.task.done()
    if draft.is_submitted and draft.number == 1:
        return _to_submission(draft)
    return render(
        request, "draft.html", live=is_under_way, draft=draft, said=said, handed=handed, is_under_way=is_under_way,
        names=[one.name for one in draft.files] or [draft.url or ""],
    )  # fmt: skip


async def _price(console: Console, draft: Draft) -> str:
    """Ask for the prices of a draft, and keep them in it. Return why there are none; empty if there are."""
    try:
        async with asyncio.timeout(PRICE_SECONDS):
            await console.act(lambda db: handing.prices(Drafts(console.configured), draft, (db, console.url)))
    except (ProviderError, ImpossibleError, TimeoutError) as exc:
        return str(exc) or f"no answer within {PRICE_SECONDS:g} s"
    return ""


async def submit(request: Request, console: Console) -> Response:
    """Hand a draft to the workers: this is paid for. Asked twice, it is done once."""
    draft, form = await _known(request, console), await forms.read(request)
    if draft.is_submitted:
        return _to_submission(draft)
    before = console.handing.get(draft.id)
    if before is None or before.task.done():
        handed = console.handing[draft.id] = Handing()
        handed.task = asyncio.create_task(_submit(console, draft, handed, again="again" in form))
        await asyncio.wait({handed.task}, timeout=SOON_SECONDS)
    return RedirectResponse(f"/submissions/drafts/{draft.id}", 303)


async def drop(request: Request, console: Console) -> Response:
    """Remove a draft with its files."""
    draft = await _known(request, console)
    drafts = Drafts(console.configured)
    with drafts.held(draft):
        await asyncio.to_thread(drafts.forget, draft.id)
    return RedirectResponse("/submissions", 303)


async def _submit(console: Console, draft: Draft, handed: Handing, *, again: bool) -> None:
    try:
        await console.act(
            lambda db: handing.submit(
                Drafts(console.configured), draft.id, (db, console.url), again=again, showing=handed.show
            )
        )
    except Exception as exc:  # noqa: BLE001 - nobody awaits it: what is not said here is never said
        handed.trouble = errors.of_work(exc, "a draft on its way to the workers")
    finally:
        console.changes.note()


def _chosen(request: Request, offers: list[Offer]) -> Offer:
    asked = request.query_params
    for one in offers:
        its = (one.source.name, one.account, one.operation)
        if its == (asked.get("source"), asked.get("account"), asked.get("operation")):
            return one
    raise HTTPException(404, "No account here can be asked for that.")


def _to_submission(draft: Draft) -> Response:
    known = "?before=1" if draft.was_there(0) else ""
    return RedirectResponse(f"/submissions/{draft.submitted[0]}{known}", 303)


async def _known(request: Request, console: Console) -> Draft:
    found = await asyncio.to_thread(Drafts(console.configured).find, request.path_params["draft"])
    if found is None:
        raise HTTPException(404, "There is no such draft: it was discarded, is older than a day, or another machine's.")
    return found
