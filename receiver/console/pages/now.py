"""Are we receiving? And what must be done?"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from receiver.console.access import Role
from receiver.console.rendering import render
from receiver.console.state import Console
from receiver.health import history
from receiver.health.counts import DELIVERIES, REFUSALS, by_label
from receiver.health.failures import UNTIL_OFF
from receiver.health.finding import Finding
from receiver.health.telling import Process

STEPS = 72  # of five minutes: six hours


class Place(NamedTuple):
    """Where something can be done: the address of a page, and what its button says."""

    address: str
    label: str


WEBHOOKS = Place("/settings", "See the webhooks")
# The pages for what must be done, by the kind of the finding.
PLACES: Mapping[str, Place] = {
    "dead jobs": Place("/dead", "See them by cause"),
    "failures": Place("/refused", "See why"),
    "feed": Place("/settings", "Send a test event"),
    "quarantine": Place("/events?q=state:quarantined", "See them"),
    "registration": WEBHOOKS,
    "secret": WEBHOOKS,
    "stale": Place("/refused", "See why"),
    "submissions": Place("/submissions?state=unknown", "See them"),
}
# The same for whoever may look only, where that is another one.
TO_LOOK: Mapping[str, Place] = {"feed": WEBHOOKS}


class Todo(NamedTuple):
    """What a person should do: what was found, and the pages where it can be done."""

    finding: Finding
    places: Sequence[Place]


async def show(request: Request, console: Console) -> Response:
    """Show the state."""
    seen, seconds = await console.status.get()
    found = seen.require_figures()
    counted = await console.read(partial(history.read, steps=STEPS))
    known = PLACES if request.state.role is Role.OPERATOR else {**PLACES, **TO_LOOK}
    todo = [
        Todo(finding, _places(finding, found.running, known))
        for finding in seen.findings if finding.todo or not finding.holds
    ]  # fmt: skip
    return render(
        request, "now.html", live=True, seen=seen, found=found, age=seconds, counted=counted,
        todo=sorted(todo, key=lambda one: one.finding.holds), until_off=UNTIL_OFF,
        answers=by_label(found.last_hour, DELIVERIES), reasons=by_label(found.last_hour, REFUSALS),
    )  # fmt: skip


def _places(finding: Finding, running: Sequence[Process], known: Mapping[str, Place]) -> Sequence[Place]:
    """Return the pages for a finding. The one about processes repeats what these find wrong with themselves."""
    meant = [finding]
    if finding.kind == "processes":
        meant = [one for process in running for one in process.told.findings if one.holds is finding.holds]
    return list(dict.fromkeys(known[one.kind] for one in meant if one.kind in known and (one.todo or not one.holds)))
