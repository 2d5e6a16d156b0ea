"""`register`, `secrets`, `retire-secret` and `test-event`: the webhook, and what proves its deliveries."""

import click

from receiver.cli.opening import opened, with_database
from receiver.cli.options import FiniteRange, account_option, as_json, examples, stripped, webhook_url
from receiver.cli.printing import print_json, say_done
from receiver.cli.process import configure, run
from receiver.database.opening import open_database
from receiver.health import trial
from receiver.logs import clock
from receiver.settings import Account, accounts
from receiver.webhooks import registrar, registration, rotation
from receiver.webhooks.rotation import Secret


@click.command(
    epilog=examples(
        "receiver register",
        "receiver register --url https://example.com",
        "receiver register --rotate",
        "receiver register --account big-show",
    )
)
@click.option(
    "--url", callback=webhook_url, help="This receiver's address, with or without our path; by default PUBLIC_URL."
)
@click.option("--rotate", is_flag=True, help="Register again for a new secret; the old one stays active.")
@click.option("--delete-first", is_flag=True, help="With --rotate: first delete the webhook that the provider has.")
@account_option
def register(url: str | None, *, rotate: bool, delete_first: bool) -> None:
    """Register the webhook and store its secret.

    The secret is stored in the database, and only its fingerprint is shown.

    After --rotate, deliveries signed with the old secret are still accepted until `receiver retire-secret`.
    """
    if delete_first and not rotate:
        raise click.UsageError("--delete-first goes with --rotate")
    configured = configure()
    registration.address(configured, url)  # what is missing in the settings is said before what is wrong elsewhere
    configured.account()
    with open_database(configured, create=False) as database_url:
        registering = registrar.register_now(
            configured, database_url, given=url, rotate=rotate, delete_first=delete_first
        )
        say_done(run(registering).sentence)


@click.command(epilog=examples("receiver secrets", "receiver secrets --json"))
@account_option
@as_json
def secrets(*, as_json: bool) -> None:
    """List the secrets that verify deliveries.

    Each is shown by its fingerprint, with its age, its use, and whether it can be retired.
    """
    configured = configure()
    found = with_database(configured, lambda db: rotation.listed(db, configured, must_exist=not as_json))
    if as_json:
        print_json([secret.to_json() for secret in found])
        return
    for secret in found:
        click.echo(_secret_line(secret, configured.chosen))


@click.command(
    name="retire-secret", epilog=examples("receiver retire-secret 3f9c0a12b4de", "receiver retire-secret … --yes")
)
@click.argument("fingerprint", callback=stripped)
@click.option("--yes", is_flag=True, help="Retire it even if deliveries signed with it might still come.")
@account_option
def retire_secret(fingerprint: str, *, yes: bool) -> None:
    """Refuse deliveries signed with an old secret.

    `receiver secrets` shows its FINGERPRINT.
    """
    configured = configure()
    with_database(configured, lambda db: rotation.retire(db, configured.chosen, fingerprint, although_used=yes))
    say_done(f"{fingerprint} is retired")


def _secret_line(secret: Secret, account: Account) -> str:
    where = f"from {accounts.webhook_secret_variable(account.name)}"
    if secret.since is not None:
        where = f"registered {clock(secret.since)} for {secret.webhook_url}"
    used = ", has verified nothing" if secret.last_matched is None else (
        f", last matched {clock(secret.last_matched)}, events verified: {secret.events_counted}"
    )  # fmt: skip
    line = f"{secret.fingerprint}  {where}{used}"
    if secret.replaced_at is None:
        return line
    return f"{line}; replaced {clock(secret.replaced_at)}, silent for {secret.silence}: {secret.advice(account)}"


@click.command(name="test-event", epilog=examples("receiver test-event", "receiver test-event --wait 60 --json"))
@click.option(
    "--wait",
    type=FiniteRange(min=0),
    default=30.0,
    show_default=True,
    help="Follow it for at most this many seconds.",
)
@account_option
@as_json
@click.pass_context
def test_event(ctx: click.Context, wait: float, *, as_json: bool) -> None:
    """Follow a test delivery to its handler.

    The command asks the provider for the delivery, and shows the time of each step.
    """
    configured = configure()

    async def work() -> trial.Journey:
        async with opened(configured) as desk:
            return await trial.follow(desk.provider, desk.db, configured.chosen, wait=wait)

    journey = run(work())
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
