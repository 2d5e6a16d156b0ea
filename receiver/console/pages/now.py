"""Are we receiving? And what must be done?"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.errors import StoreRefusedError, StoreUnavailableError
from receiver.health import history
from receiver.health.counts import DELIVERIES, REFUSALS, by_label
from receiver.health.failures import UNTIL_OFF
from receiver.health.finding import Finding

STEPS = 72  # of five minutes: six hours
# The pages for what a finding says to run.
PLACES: Mapping[str, tuple[str, str]] = {
    "`receiver diagnose": ("/refused", "See why"),
    "`receiver dead": ("/dead", "See them by cause"),
    "`receiver submissions": ("/submissions?state=unknown", "See them"),
    "`receiver events": ("/events?q=state:quarantined", "See them"),
    "`receiver test-event": ("/settings", "Send a test event"),
    "`receiver register": ("/settings", "See the webhooks"),
}


class Todo(NamedTuple):
    """What a person should do: what was found, and the page where it can be done."""

    finding: Finding
    place: tuple[str, str] | None


async def show(request: Request, console: Console) -> Response:
    """Show the state."""
    seen, seconds = await console.status.get()
    if seen.figures is None:
        why = {finding.name: finding.seen for finding in seen.findings if not finding.holds}
        raise StoreUnavailableError(why["database"]) if "database" in why else StoreRefusedError(why["figures"])
    counted = await console.read(partial(history.read, steps=STEPS))
    return render(
        request, "now.html", live=True, seen=seen, found=seen.figures, age=seconds, counted=counted,
        wrong=[_todo(finding) for finding in seen.findings if not finding.holds],
        advice=[_todo(finding) for finding in seen.findings if finding.holds and finding.todo],
        until_off=UNTIL_OFF, answers=by_label(seen.figures.last_hour, DELIVERIES),
        reasons=by_label(seen.figures.last_hour, REFUSALS),
    )  # fmt: skip


def _todo(finding: Finding) -> Todo:
    return Todo(finding, next((place for command, place in PLACES.items() if command in finding.said), None))
