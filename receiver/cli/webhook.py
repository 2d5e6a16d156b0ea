"""`register`, `secrets`, `retire-secret` and `test-event`: the webhook, and what proves its deliveries."""

import asyncio
import shlex
import time
from dataclasses import dataclass, field
from functools import partial

import click

from receiver import database, inbox, registration, rotation, signature
from receiver.cli.running import (
    as_json,
    configure,
    examples,
    open_database,
    open_provider,
    print_json,
    run,
    stripped,
    tell,
    webhook_url,
    with_database,
    with_provider,
)
from receiver.database import Pool
from receiver.errors import ImpossibleError, NotFound
from receiver.inbox import Stored, StoredJob
from receiver.logs import clock, printable
from receiver.migrations import require
from receiver.providers import TranscribeSo
from receiver.rotation import Secret, Use
from receiver.settings import Settings

LOOK_AGAIN_SECONDS = 0.05


@click.command(
    epilog=examples(
        "receiver register",
        "receiver register --url https://example.com",
        "receiver register --rotate",
    )
)
@click.option("--url", callback=webhook_url, help="Deliver there, with our path or without; by default PUBLIC_URL.")
@click.option("--rotate", is_flag=True, help="Register again for a new secret; the old one stays active.")
@click.option("--delete-first", is_flag=True, help="With --rotate: delete the webhook that the provider has before.")
def register(url: str | None, *, rotate: bool, delete_first: bool) -> None:
    """Register the webhook at the provider and keep its secret in the database; only its fingerprint is shown.

    With --rotate deliveries signed with the old secret are taken until `receiver retire-secret`.
    """
    if delete_first and not rotate:
        raise click.UsageError("--delete-first goes with --rotate")
    configured = configure()
    callback_url = url or configured.callback_url
    if callback_url is None:
        raise ImpossibleError("set PUBLIC_URL to where the provider reaches this receiver, or pass --url")
    whose = registration.account(configured)

    async def main(database_url: str) -> str:
        connection = await database.connect(database_url)
        try:
            await require(connection)
            async with open_provider(configured, database_url) as provider:
                return await registration.register(
                    connection, provider, whose, callback_url, anew=rotate, delete_first=delete_first
                )
        finally:
            await connection.close()

    with open_database(configured, create=False) as database_url:
        tell(run(main(database_url)))


@click.command(epilog=examples("receiver secrets", "receiver secrets --json"))
@as_json
def secrets(*, as_json: bool) -> None:
    """List the secrets that verify deliveries, by fingerprint: since when, how much used, and which can go."""
    configured = configure()

    async def read(db: Pool) -> tuple[list[Secret], dict[str, Use]]:
        return (
            await rotation.known(db, configured.api_url, _key(configured)),
            await rotation.use(db, configured.api_url),
        )

    registered, used = with_database(configured, read)
    own = [signature.fingerprint(one.get_secret_value().encode()) for one in configured.webhook_secrets]
    if as_json:
        print_json([_secret_json(one) for one in registered] + [_own_json(name, used.get(name, Use())) for name in own])
        return
    for secret in registered:
        click.echo(_secret_line(secret))
    for name in own:
        click.echo(f"{name}  from TRANSCRIBE_WEBHOOK_SECRET{_used(used.get(name, Use()))}")
    if not registered and not own:
        todo = registration.how_to_know_a_secret(configured)
        raise ImpossibleError(f"no secret is known for {configured.api_url}: {todo}")


@click.command(
    name="retire-secret", epilog=examples("receiver retire-secret 3f9c0a12b4de", "receiver retire-secret … --yes")
)
@click.argument("fingerprint", callback=stripped)
@click.option("--yes", is_flag=True, help="Also where deliveries signed with it may still come.")
def retire_secret(fingerprint: str, *, yes: bool) -> None:
    """Let an old secret verify nothing any more. FINGERPRINT is what `receiver secrets` shows."""
    configured = configure()
    api_url, key = configured.api_url, _key(configured)
    with_database(configured, lambda db: rotation.retire(db, api_url, key, fingerprint, although_used=yes))
    tell(f"{fingerprint} is retired")


def _key(configured: Settings) -> str | None:
    """Return the fingerprint of the configured key."""
    return None if configured.api_key is None else registration.account(configured).key_fingerprint


def _secret_line(secret: Secret) -> str:
    said = f"{secret.fingerprint}  registered {clock(secret.since)} for {secret.callback_url}"
    said += _used(Use(secret.events, secret.last_matched))
    if secret.replaced_at is None:
        return said
    advice = f"retire it: `receiver retire-secret {secret.fingerprint}`" if secret.can_go else "keep it for now"
    return f"{said}; replaced {clock(secret.replaced_at)}, silent for {secret.silence}: {advice}"


def _used(use: Use) -> str:
    return ", has verified nothing" if use.last_matched is None else (
        f", last matched {clock(use.last_matched)}, events verified: {use.events}"
    )  # fmt: skip


def _secret_json(secret: Secret) -> dict[str, object]:
    return {
        "fingerprint": secret.fingerprint, "callback_url": secret.callback_url, "since": secret.since.isoformat(),
        "replaced_at": None if secret.replaced_at is None else secret.replaced_at.isoformat(),
        **_use_json(Use(secret.events, secret.last_matched)), "can_go": secret.can_go,
    }  # fmt: skip


def _own_json(name: str, use: Use) -> dict[str, object]:
    nothing = dict.fromkeys(("callback_url", "since", "replaced_at"))
    return {"fingerprint": name, **nothing, **_use_json(use), "can_go": False}


def _use_json(use: Use) -> dict[str, object]:
    last = None if use.last_matched is None else use.last_matched.isoformat()
    return {"events": use.events, "last_matched": last}


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
    journey = with_provider(configured, partial(_follow, wait=wait))
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


async def _follow(provider: TranscribeSo, db: "Pool | None", *, wait: float) -> Journey:
    if db is None:
        raise ImpossibleError("there is no database, so no receiver runs here: run `receiver up`, or set DATABASE_URL")
    newest = await inbox.newest_key(db)
    journey = Journey()
    try:
        await provider.test_webhook(idempotency_key=f"test-{time.time_ns()}")
    except NotFound as exc:
        exc.add_note("the provider has no webhook for this key: run `receiver register`")
        raise
    journey.reached("accepted by the provider")
    journey.advice = (
        f"no delivery was seen within {wait:g} s. If --wait was long enough: does the receiver run, does PUBLIC_URL "
        "reach it, and does its log say that it refuses signatures? `receiver check` says more"
    )
    while True:
        event = await inbox.test_event_after(db, provider.api_url, newest)
        if event is not None:
            if journey.event is None:
                journey.event = event.id
                journey.reached("delivered, verified and stored")
            if event.state == "done":
                journey.reached("handled")
            journey.advice = why_not_handled(event)
            if event.state in ("done", "dead"):
                break
        if time.monotonic() - journey.started >= wait:
            break
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
    return journey


def why_not_handled(event: Stored) -> str | None:
    """Return what became of each job that is not done; None where all are."""
    return "; ".join(_why_not_done(job, event) for job in event.jobs if job.state != "done") or None


def _why_not_done(job: StoredJob, event: Stored) -> str:
    error = "" if job.error is None else f": {printable(job.error)}"
    if job.state == "dead":
        return f"the handler {job.handler} gave up{error}; `receiver show {shlex.quote(event.id)}` says more"
    if job.state == "running":
        return f"the handler {job.handler} still runs{error and f', after it had failed{error}'}"
    if job.error is not None:
        return f"the handler {job.handler} failed and is tried again{error}"
    return f"no worker took it for {job.handler}: run `receiver work`, or see its log"
