"""`account`, `pipelines` and `transcriptions`: what the provider has and knows."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import click

from receiver.cli.opening import opened
from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.logs import clock, printable
from receiver.providers.transcribe_so import MeAnswer, PipelineAnswer, TranscriptionStatus
from receiver.settings import Settings
from receiver.submissions.price import dollars


@click.command(epilog=examples("receiver account", "receiver account --json | jq .wallet_balance_usd"))
@as_json
def account(*, as_json: bool) -> None:
    """Show whose key it is, and what is left to spend."""

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
    if isinstance(found.links.get("billing"), str):
        click.echo(f"top up          {printable(found.links['billing'])}")


@click.command(epilog=examples("receiver pipelines", "receiver pipelines --json | jq '.[].code'"))
@as_json
def pipelines(*, as_json: bool) -> None:
    """List the models that can be asked for, with their prices."""

    async def ask(configured: Settings) -> list[PipelineAnswer]:
        async with opened(configured) as desk:
            return await desk.provider.pipelines()

    found = run(ask(configure()))
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    width = max((len(one.code) for one in found), default=0)
    for one in found:
        languages = f"{len(one.supported_languages)} languages"
        price = f"{dollars(one.retail_usd_per_min, digits=4)} a minute, {dollars(one.retail_usd_per_hour)} an hour"
        click.echo(f"{printable(one.code):<{width}}  {price}  {languages}  {printable(one.name or '')}")


@click.command(
    epilog=examples("receiver transcriptions", "receiver transcriptions --limit 0 --json | jq -r '.[].title'")
)
@click.option(
    "--limit", type=click.IntRange(0, 1_000_000), default=20, show_default=True, help="At most so many; 0 for all."
)
@click.option("--api-only", is_flag=True, help="Only those that were submitted through the API.")
@as_json
def transcriptions(limit: int, *, api_only: bool, as_json: bool) -> None:
    """List the key's transcriptions, newest first."""

    async def ask(configured: Settings) -> list[TranscriptionStatus]:
        found = []
        async with opened(configured) as desk:
            async for one in _first(desk.provider.list(api_only=api_only), limit):
                found.append(one)
                if not as_json:
                    click.echo(line(one))
        return found

    found = run(ask(configure()))
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
    elif not found:
        click.echo("no transcriptions yet", err=True)


async def _first(items: AsyncIterator[TranscriptionStatus], limit: int) -> AsyncIterator[TranscriptionStatus]:
    number = 0
    async for item in items:
        yield item
        number += 1
        if number == limit:
            return


def line(one: TranscriptionStatus) -> str:
    """Return a transcription as one line: id, when it ended, status, length, what was charged, title."""
    length = "" if one.duration_seconds is None else f"{one.duration_seconds / 60:.1f} min"
    charge = "" if one.charge_usd is None else dollars(one.charge_usd)
    facts = f"{one.id:<12}  {_when(one.completed_at or ''):<20}  {printable(one.status):<10}  {length:>10}  {charge:>8}"
    return f"{facts}  {printable(one.title or '')}".rstrip()


def _when(moment: str) -> str:
    """Return the provider's moment as ours are shown, and as it is where it cannot be read."""
    try:
        read = datetime.fromisoformat(moment)
        return clock(read if read.tzinfo is not None else read.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return printable(moment)
