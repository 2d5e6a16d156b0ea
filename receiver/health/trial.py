"""Ask the provider for a test event, and follow it through the whole path.

asked for ──▶ accepted by the provider ──▶ delivered, verified and stored ──▶ handled
"""

import asyncio
import shlex
import time
from dataclasses import dataclass, field

from receiver.database import Pool
from receiver.errors import ImpossibleError, NotFound
from receiver.inbox import listing
from receiver.inbox.listing import Stored, StoredJob
from receiver.logs import printable
from receiver.providers import TranscribeSo
from receiver.settings import Account

LOOK_AGAIN_SECONDS = 0.05


@dataclass(slots=True)
class Journey:
    """How far a test event has come.

    Attributes:
        event: the event's id, once it is stored.
        steps: the milliseconds from the request to each step.
        advice: what to do if the event has stopped.
        started: the time of the request, by the monotonic clock.
    """

    event: str | None = None
    steps: dict[str, int] = field(default_factory=dict)
    advice: str | None = None
    started: float = field(default_factory=time.monotonic)

    def reached(self, step: str) -> None:
        """Note the time of a step."""
        self.steps[step] = round((time.monotonic() - self.started) * 1000)


async def follow(
    provider: TranscribeSo, db: "Pool | None", account: Account, *, wait: float, journey: Journey | None = None
) -> Journey:  # fmt: skip
    """Ask the provider for a test event to an account's webhook, and follow it for at most `wait` seconds.

    A `journey` that is given shows each step at once to whoever looks at it.

    Raises:
        ImpossibleError: there is no database for the event.
        NotFound: the provider has no webhook for the key.
        ProviderError: the provider does not send a test event.
    """
    if db is None:
        raise ImpossibleError("there is no database, so no receiver runs here: run `receiver up`, or set DATABASE_URL")
    newest = await listing.newest_key(db)
    journey = Journey() if journey is None else journey
    try:
        await provider.test_webhook(idempotency_key=f"test-{time.time_ns()}")
    except NotFound as exc:
        exc.add_note(f"the provider has no webhook for this key: run `receiver register{account.option}`")
        raise
    journey.reached("accepted by the provider")
    journey.advice = (
        f"no delivery was seen within {wait:g} s. If --wait was long enough: does the receiver run, does PUBLIC_URL "
        "reach it, and does its log say that it refuses signatures? `receiver check` says more"
    )
    while not _is_over(journey, await listing.test_event_after(db, account.id, newest)):
        if time.monotonic() - journey.started >= wait:
            break
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return journey


def _is_over(journey: Journey, event: Stored | None) -> bool:
    """Note how far the event has come, if it has. Return whether nothing more will happen to it."""
    if event is None:
        return False
    if journey.event is None:
        journey.event = event.id
        journey.reached("delivered, verified and stored")
    if event.state == "done":
        journey.reached("handled")
    journey.advice = why_not_handled(event)
    return event.state in ("done", "dead")


def why_not_handled(event: Stored) -> str | None:
    """Return what became of each job that is not done; None if all are done."""
    return "; ".join(_why_not_done(job, event) for job in event.jobs if job.state != "done") or None


def _why_not_done(job: StoredJob, event: Stored) -> str:
    error = "" if job.error is None else f": {printable(job.error)}"
    if job.state == "dead":
        return f"the handler {job.handler} gave up{error}; `receiver show {shlex.quote(event.id)}` says more"
    if job.state == "dropped":
        return f"a person has dropped the job of the handler {job.handler}{error}"
    if job.state == "running":
        return f"the handler {job.handler} still runs{error and f', after it had failed{error}'}"
    if job.error is not None:
        return f"the handler {job.handler} failed and is retried{error}"
    return f"no worker has claimed it for {job.handler}: run `receiver work`, or see its log"
