"""Submit a recording: what is asked for, its price, and only then the submission, once."""

import asyncio
from collections.abc import Mapping, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from receiver.console import errors, forms, uploads
from receiver.console.rendering import render
from receiver.console.state import Console, Progress
from receiver.database import Pool
from receiver.errors import ImpossibleError, ProviderError
from receiver.logs.redaction import without_query
from receiver.submissions import foreseen
from receiver.submissions.checking import MistakesError
from receiver.submissions.drafts import FILES, MOST_FILES, OPTION, URL, Draft, Offer, handing, offered
from receiver.submissions.drafts.arriving import TOO_LARGE

PRICE_SECONDS = 15.0
SOON_SECONDS = 1.5


async def new(request: Request, console: Console) -> Response:
    """Show what can be asked for, or the form for one of these."""
    offers = offered(console.configured)
    if not request.query_params.get("source"):
        return render(request, "submit.html", offers=offers, chosen=None)
    return _form(request, console, _chosen(request, offers))


async def hand_in(request: Request, console: Console) -> Response:
    """Take in what is asked for, or show the form again with its mistakes. Nothing is started or paid."""
    chosen, form = _chosen(request, offered(console.configured)), uploads.Form([], [])
    try:
        async with uploads.in_threads(console.drafts.arriving(uploads.announced(request))) as coming:
            form = await uploads.read(request, coming, console.ending)
            draft = chosen.draft(coming.folder.name, form.fields, form.files)
            await asyncio.to_thread(console.drafts.asked, draft)  # mistakes are said at once
            await asyncio.to_thread(console.drafts.keep, draft)
    except MistakesError as exc:
        return _form(request, console, chosen, form.fields, exc.at, had_files=bool(form.files))
    except ImpossibleError as exc:
        if exc.code == TOO_LARGE:
            raise HTTPException(413, f"{exc}.") from exc
        raise
    return RedirectResponse(f"/submissions/drafts/{draft.id}", 303)


def _form(
    request: Request, console: Console, chosen: Offer, fields: Sequence[tuple[str, str]] = (),
    mistakes: Mapping[str, str] | None = None, *, had_files: bool = False,
) -> Response:  # fmt: skip
    """Return the form: empty, or with what was filled in and what is wrong with it."""
    typed = dict[str, list[str]]()
    for name, value in fields:
        typed.setdefault(name, []).append(value)
    address = typed.get(URL, [""])[-1].strip()
    is_secret = without_query(address) != address
    if is_secret:  # it is shown on no page
        del typed[URL]
    return render(
        request, "submit.html", status=422 if mistakes else 200, offers=[], chosen=chosen, typed=typed,
        mistakes=mistakes or {}, had_files=had_files, is_secret=is_secret, most=console.drafts.most,
        is_quoted=foreseen.is_quoted(chosen.source), most_files=MOST_FILES, option=OPTION, files=FILES,
    )  # fmt: skip


async def show(request: Request, console: Console) -> Response:
    """Show what will be asked for and what it will cost, how far it is, or lead to what became of it."""
    said, (draft, progress) = "", await _known(request, console)
    if not (draft.prices or draft.is_submitted or _is_under_way(progress)):
        said = await _price(console, draft)
        draft, progress = await _known(request, console)  # somebody can have submitted it from another page meanwhile
    if draft.is_submitted and draft.number == 1:
        return _to_submission(draft)
    is_under_way = _is_under_way(progress) and not draft.is_submitted
    return render(
        request, "draft.html", draft=draft, said=said, progress=progress, is_under_way=is_under_way,
        live=is_under_way or bool(draft.prices and not draft.is_submitted),  # else each look would ask for the price
        names=[one.name for one in draft.files] or [draft.url or ""],
    )  # fmt: skip


async def _price(console: Console, draft: Draft) -> str:
    """Ask for the prices of a draft, and keep them in it. Return why there are none; empty if there are."""
    try:
        async with asyncio.timeout(PRICE_SECONDS):
            await console.act(lambda db: handing.prices(console.drafts, draft, (db, console.url)))
    except (ProviderError, ImpossibleError, TimeoutError) as exc:
        return str(exc) or f"no answer within {PRICE_SECONDS:g} s"
    return ""


async def submit(request: Request, console: Console) -> Response:
    """Hand a draft to the workers: this is paid for. Asked twice, it is done once."""
    (draft, _), form = await _known(request, console), await forms.read(request)
    if draft.is_submitted:
        return _to_submission(draft)
    if not _is_under_way(console.progress.get(draft.id)):
        progress = console.progress[draft.id] = Progress()
        progress.task = asyncio.create_task(_submit(console, draft, progress, again="again" in form))
        console.changes.note()
        await _forget_old(console)
        await asyncio.wait({progress.task}, timeout=SOON_SECONDS)
    return RedirectResponse(f"/submissions/drafts/{draft.id}", 303)


async def drop(request: Request, console: Console) -> Response:
    """Remove a draft with its files."""
    draft, _ = await _known(request, console)
    await asyncio.to_thread(console.drafts.forget, draft.id)
    console.progress.pop(draft.id, None)
    console.changes.note()
    return RedirectResponse("/submissions", 303)


async def _submit(console: Console, draft: Draft, progress: Progress, *, again: bool) -> None:
    """Submit a draft behind the pages. Its progress is forgotten once it is submitted; why it is not, is kept."""

    async def work(db: Pool) -> None:
        progress.is_waiting = False
        at = db, console.url
        await handing.submit(console.drafts, draft.id, at, again=again, showing=progress.show)

    try:
        # A large file holds up no replay, and other files wait for it.
        await (console.upload(work) if draft.files else console.act(work))
    except Exception as exc:  # noqa: BLE001 - nobody awaits it: what is not said here is never said
        progress.trouble = errors.of_work(exc, "a draft on its way to the workers")
    else:
        console.progress.pop(draft.id, None)
    finally:
        console.changes.note()


async def _forget_old(console: Console) -> None:
    """Forget what became of drafts that are gone."""
    over = [draft_id for draft_id, one in console.progress.items() if not _is_under_way(one)]
    for draft_id in over:
        if await asyncio.to_thread(console.drafts.find, draft_id) is None:
            console.progress.pop(draft_id, None)


def _is_under_way(progress: Progress | None) -> bool:
    return progress is not None and not progress.task.done()


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


async def _known(request: Request, console: Console) -> tuple[Draft, Progress | None]:
    """Return a draft, and how far it is. That is looked at first: it is forgotten once the draft is submitted."""
    draft_id: str = request.path_params["draft"]
    progress = console.progress.get(draft_id)
    found = await asyncio.to_thread(console.drafts.find, draft_id)
    if found is None:
        raise HTTPException(404, "There is no such draft: it was discarded, is older than a day, or another machine's.")
    return found, progress
