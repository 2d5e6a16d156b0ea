"""Pages about what went wrong: what it was, and what to do. While the database is away, what a web process knows."""

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from receiver.console.access import Role
from receiver.console.rendering import render
from receiver.console.state import Console, NotBegunError
from receiver.database import TROUBLE, outages
from receiver.errors import ReceiverError, StoreBusyError, StoreRefusedError, StoreUnavailableError
from receiver.health.telling import Told, budgets_used, spool_of
from receiver.inbox.buckets import BucketError

log = logging.getLogger(__name__)

TITLES = {404: "There is no such page", 405: "That is not possible here", 403: "That is not allowed"}
SLOW = "The database did not answer this in time. Make the question narrower, for instance with since:7d, or try again."
AWAY = "the database is away: "  # the page says it above
BUG = "This is a bug in receiver. The log of the console says more"
MAY_LOOK = (
    "Whoever signs in with RECEIVER_CONSOLE_READ_TOKEN may look, and change nothing. "
    "This is for whoever signs in with RECEIVER_CONSOLE_TOKEN, or by a link."
)


async def page(request: Request, console: Console, error: Exception) -> Response:
    """Return the page about an error. Whoever is not signed in is told no more than that there is one."""
    role: Role | None = getattr(request.state, "role", None)
    if isinstance(error, HTTPException):
        title = TITLES.get(error.status_code, "That did not work")
        return render(request, "error.html", status=error.status_code, title=title, said=error.detail)
    if isinstance(error, NotBegunError):
        return render(request, "error.html", status=503, title="That was not begun", said=str(error))
    found = outages.of_work(error) if isinstance(error, TROUBLE) else error
    if isinstance(found, StoreBusyError | StoreRefusedError):
        # What an open page asks for by itself it asks for again. What a person asks for can cost much: not that.
        is_live = request.method == "GET" and "hx-request" in request.headers
        return render(request, "error.html", status=503, title="That took too long", said=SLOW, live=is_live)
    if isinstance(found, StoreUnavailableError):
        return await _away(request, console, str(found), role)
    if isinstance(found, ReceiverError) and role is not None:
        status, title = (503, "Not now") if isinstance(found, BucketError) else (409, "That cannot be done")
        return render(request, "error.html", status=status, title=title, said=str(found))
    log.error("a bug in receiver: %s of the console failed", request.url.path, exc_info=error)
    return render(request, "error.html", status=500, title="That did not work", said=f"{BUG}.")


def of_work(error: Exception, what: str) -> str:
    """Return the sentence about an error of work that goes on behind the pages. A bug is logged."""
    found = outages.for_people(error)
    if found is None:
        log.error("a bug in receiver: %s failed", what, exc_info=error)
        return BUG
    if not isinstance(error, ReceiverError):
        log.warning("%s failed: %s", what, found)
    return ". ".join((str(found), *getattr(error, "__notes__", ())))


async def _away(request: Request, console: Console, why: str, role: Role | None) -> Response:
    """Return the page for the time without the database. It asks for itself again."""
    answer = await console.ask_web() if role is not None else ""
    findings, told = ((), Told()) if isinstance(answer, str) else (answer.findings or (), answer.told)
    return render(
        request, "away.html", status=503, live=True, why=why.removeprefix(AWAY) if role else "",
        silence=answer if isinstance(answer, str) else "", findings=findings, spool=spool_of(told),
        used=budgets_used([told]),
    )  # fmt: skip
