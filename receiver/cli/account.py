"""`account`, `pipelines` and `transcriptions`: what the provider knows about the key."""

import click

from receiver.cli.opening import opened
from receiver.cli.options import account_option, as_json, examples, limit_option
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.logs import clock, printable
from receiver.providers.transcribe_so import MeAnswer, PipelineAnswer, TranscriptionStatus
from receiver.settings import Settings
from receiver.submissions.price import dollars


@click.command(
    epilog=examples(
        "receiver account", "receiver account --json | jq .wallet_balance_usd", "receiver account --account big-show"
    )
)
@account_option
@as_json
def account(*, as_json: bool) -> None:
    """Show who owns the key, and what is left to spend."""

    async def ask(configured: Settings) -> MeAnswer:
        async with opened(configured) as desk:
            return await desk.provider.me()

    found = run(ask(configure()))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    click.echo(f"account         {printable(found.email or 'not named')}")
    click.echo(f"tier            {printable(found.subscription_tier or '-')}")
    click.echo(f"balance         {dollars(found.wallet_balance_usd)}")
    click.echo(f"monthly credit  {dollars(found.monthly_credit_remaining_usd)}")
    if found.top_up_url is not None:
        click.echo(f"top up          {printable(found.top_up_url)}")


@click.command(epilog=examples("receiver pipelines", "receiver pipelines --json | jq '.[].code'"))
@account_option
@as_json
def pipelines(*, as_json: bool) -> None:
    """List the models for --pipeline, with their prices."""

    async def ask(configured: Settings) -> list[PipelineAnswer]:
        async with opened(configured) as desk:
            return await desk.provider.pipelines()

    found = run(ask(configure()))
    if as_json:
        print_json([model.model_dump(mode="json") for model in found])
        return
    width = max((len(model.code) for model in found), default=0)
    for model in found:
        languages = f"{len(model.supported_languages)} languages"
        price = f"{dollars(model.retail_usd_per_min, digits=4)} a minute, {dollars(model.retail_usd_per_hour)} an hour"
        click.echo(f"{printable(model.code):<{width}}  {price}  {languages}  {printable(model.name or '')}")


@click.command(
    epilog=examples("receiver transcriptions", "receiver transcriptions --limit 0 --json | jq -r '.[].title'")
)
@limit_option(20)
@click.option("--api-only", is_flag=True, help="Show only those submitted through the API.")
@account_option
@as_json
def transcriptions(limit: int, *, api_only: bool, as_json: bool) -> None:
    """List the key's transcriptions, newest first."""

    async def ask(configured: Settings) -> list[TranscriptionStatus]:
        found = []
        async with opened(configured) as desk:
            async for status in desk.provider.list(api_only=api_only, most=limit or None):
                found.append(status)
                if not as_json:
                    click.echo(line(status))
        return found

    found = run(ask(configure()))
    if as_json:
        print_json([status.model_dump(mode="json") for status in found])
    elif not found:
        click.echo("no transcriptions yet", err=True)


def line(status: TranscriptionStatus) -> str:
    """Return a transcription as one line: id, end, status, length, charge, title."""
    length = "" if status.duration_seconds is None else f"{status.duration_seconds / 60:.1f} min"
    charge = "" if status.charge_usd is None else dollars(status.charge_usd)
    ended = printable(status.completed_at or "") if status.ended is None else clock(status.ended)
    facts = f"{status.id:<12}  {ended:<20}  {printable(status.status):<10}  {length:>10}  {charge:>8}"
    return f"{facts}  {printable(status.title or '')}".rstrip()
