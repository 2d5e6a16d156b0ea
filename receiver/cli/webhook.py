"""`register` and `test-event`: what we ask the provider."""

import asyncio
import time
from dataclasses import dataclass, field

import click

from receiver import database, inbox, registration
from receiver.cli.running import as_json, configure, examples, open_database, print_json, run, with_database
from receiver.database import Pool
from receiver.errors import CommandError
from receiver.migrations import require
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import RETRY_SECONDS
from receiver.settings import Settings

LOOK_AGAIN_SECONDS = 0.05


@click.command(
    epilog=examples("receiver register", "receiver register --url https://example.com/webhooks/transcribe-so")
)
@click.option("--url", help="Where the provider shall deliver; by default PUBLIC_URL and our path.")
def register(url: str | None) -> None:
    """Register the webhook at the provider and keep its secret in the database; only its fingerprint is shown."""
    configured = configure()
    callback_url = url or configured.callback_url
    if callback_url is None:
        raise CommandError("set PUBLIC_URL to where the provider reaches this receiver, or pass --url")
    whose = registration.account(configured)

    async def main(database_url: str) -> str:
        connection = await database.connect(database_url)
        try:
            await require(connection)
            async with TranscribeSo(configured.api_url, configured.api_key, retries=RETRY_SECONDS) as provider:
                return await registration.register(connection, provider, whose, callback_url)
        finally:
            await connection.close()

    with open_database(configured, create=False) as database_url:
        click.echo(run(main(database_url)))


@dataclass(slots=True)
class Journey:
    """How far a test event came: milliseconds from the request to each step, and what to do where it stopped."""

    event: str | None = None
    steps: dict[str, int] = field(default_factory=dict)
    advice: str | None = None
    started: float = field(default_factory=time.monotonic)

    def reached(self, step: str) -> None:
        """Note the time of a step."""
        self.steps[step] = round((time.monotonic() - self.started) * 1000)


@click.command(name="test-event", epilog=examples("receiver test-event", "receiver test-event --wait 60 --json"))
@click.option("--wait", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Seconds to follow it.")
@as_json
@click.pass_context
def test_event(ctx: click.Context, wait: float, *, as_json: bool) -> None:
    """Ask the provider for a test delivery and follow it through the whole path."""
    configured = configure()
    registration.account(configured)
    journey = with_database(configured, lambda db: _follow(db, configured, wait))
    if as_json:
        print_json({"event": journey.event, "steps_ms": journey.steps, "advice": journey.advice})
    else:
        for step, milliseconds in journey.steps.items():
            click.echo(f"{milliseconds:>7} ms  {step}")
        if journey.advice is None:
            click.echo("the whole path works")
        else:
            click.echo(f"stopped there: {journey.advice}", err=True)
    ctx.exit(0 if journey.advice is None else 1)


async def _follow(db: Pool, configured: Settings, wait: float) -> Journey:
    newest = await inbox.newest_key(db)
    journey = Journey()
    async with TranscribeSo(configured.api_url, configured.api_key) as provider:
        await provider.test_webhook(idempotency_key=f"test-{time.time_ns()}")
    journey.reached("accepted by the provider")
    journey.advice = (
        "no delivery was stored. Does the receiver run, does PUBLIC_URL reach it, and does its log say that it "
        "refuses signatures? `receiver check` says more"
    )
    while time.monotonic() - journey.started < wait:
        event = await inbox.test_event_after(db, configured.api_url, newest)
        if event is not None:
            if journey.event is None:
                journey.event = event.id
                journey.reached("delivered, verified and stored")
                journey.advice = "no worker took it: run `receiver work`, or see its log"
            if event.state == "done":
                journey.reached("handled")
                journey.advice = None
                break
            if event.state == "dead":
                journey.advice = f"its handler gave up: `receiver show {event.id}` says why"
                break
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return journey
