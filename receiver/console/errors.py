"""Pages about what went wrong: what it was, and what to do. While the database is away, what a web process knows."""

import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from receiver.console.access import Role
from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.database import TROUBLE, outages
from receiver.errors import ImpossibleError, ReceiverError, StoreBusyError, StoreRefusedError, StoreUnavailableError
from receiver.health.finding import Finding
from receiver.health.telling import BUDGET_USED, SPOOL_BYTES, SPOOL_SECONDS, Told

log = logging.getLogger(__name__)

TITLES = {404: "There is no such page", 405: "That is not possible here", 403: "That is not allowed"}
SLOW = "The database did not answer this in time. Make the question narrower, for instance with since:7d, or try again."
AWAY = "the database is away: "  # the page says it above
BUG = "This is a bug in receiver. The log of the console says more"
MAY_LOOK = "Whoever signs in with RECEIVER_CONSOLE_READ_TOKEN may look, and change nothing."


async def page(request: Request, console: Console, error: Exception) -> Response:
    """Return the page about an error. Whoever is not signed in is told no more than that there is one."""
    role: Role | None = getattr(request.state, "role", None)
    if isinstance(error, HTTPException):
        title = TITLES.get(error.status_code, "That did not work")
        return render(request, "error.html", status=error.status_code, title=title, said=error.detail)
    found = outages.of_work(error) if isinstance(error, TROUBLE) else error
    if isinstance(found, StoreUnavailableError) and not isinstance(found, StoreBusyError | StoreRefusedError):
        return await _away(request, console, str(found), role)
    if isinstance(found, StoreBusyError | StoreRefusedError):
        return render(request, "error.html", status=503, title="That took too long", said=SLOW)
    if isinstance(found, ImpossibleError) or (isinstance(found, ReceiverError) and role is not None):
        return render(request, "error.html", status=409, title="That cannot be done", said=str(found))
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
    told, spool = "", (0.0, 0.0)
    findings: tuple[Finding, ...] = ()
    used = dict[str, float]()
    if role is not None:
        answer = await console.ask_web()
        if isinstance(answer, str):
            told = answer
        else:
            findings, spool, used = tuple(answer.findings or ()), _spool(answer.told), _used(answer.told)
    return render(
        request,
        "away.html",
        status=503,
        why=why.removeprefix(AWAY) if role else "",
        told=told,
        findings=findings,
        spool=spool,
        used=used,
    )


def _spool(told: Told) -> tuple[float, float]:
    return told.gauges.get(SPOOL_BYTES, 0.0), told.gauges.get(SPOOL_SECONDS, 0.0)


def _used(told: Told) -> dict[str, float]:
    return {series.labels[0]: value for series, value in told.gauges.items() if series.name == BUDGET_USED}
