"""Find events: a filter in the URL, the newest first, page by page."""

from collections.abc import Iterator, Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.database import Connection
from receiver.handling import discovery
from receiver.inbox import asked, listing, paging
from receiver.inbox.asked import NAMES, Word
from receiver.inbox.filters import EVENT_STATES, Place
from receiver.inbox.paging import Page
from receiver.providers import SOURCES
from receiver.settings import accounts

PERIODS = ("1h", "1d", "7d", "30d")
NOTHING = Page((), None)


async def show(request: Request, console: Console) -> Response:
    """Show the events that the filter asks for."""
    wanted = asked.read(request.query_params.get("q", ""), sources=[source.name for source in SOURCES])
    before = read_before(request)

    async def look(db: Connection) -> tuple[Page, list[tuple[str, str, str]]]:
        found = NOTHING if wanted.wrong else await paging.page(db, await paging.meaning(db, wanted), before)
        return found, await listing.kinds(db)

    page, kinds = await console.read(look)
    return render(
        request, "events.html", live=before is None and not wanted.wrong, wanted=wanted, page=page, before=before,
        older=None if page.older is None else paging.written(page.older), names=NAMES,
        suggested=[wanted.with_word(word) for word in _suggested(console, kinds)],
        doubts=doubts(console, handler=wanted.filter.handler, account=wanted.filter.account),
    )  # fmt: skip


def read_before(request: Request) -> Place | None:
    """Return where the page begins; None: at the newest."""
    text = request.query_params.get("before", "")
    place = paging.read_place(text)
    if text and place is None:
        raise HTTPException(404, "There is no such place in the list: begin with its first page.")
    return place


def _suggested(console: Console, kinds: Sequence[tuple[str, str, str]]) -> Iterator[Word]:
    """Yield the words that can be meant."""
    yield from (Word("state", state) for state in EVENT_STATES)
    yield from (Word("handler", name) for name in console.handlers)
    yield from (Word("type", kind) for kind in dict.fromkeys(kind for kind, _, _ in kinds) if kind)
    yield from (Word("source", source) for source in dict.fromkeys(source for _, source, _ in kinds))
    yield from (Word("account", account) for account in dict.fromkeys(account for _, _, account in kinds))
    yield from (Word("since", period) for period in PERIODS)


def doubts(console: Console, *, handler: str | None, account: str | None = None) -> list[str]:
    """Return what can be mistyped: names that nothing has here. What is gone can have events nevertheless."""
    known, found = console.configured.accounts, list[str]()
    if handler is not None and handler not in discovery.with_own(console.handlers):
        found.append(discovery.no_such(handler, console.handlers))
    if account is not None and all(one.name != account for one in known):
        found.append(accounts.no_such(account, known))
    return [f"{why[0].upper()}{why[1:]}." for why in found]
