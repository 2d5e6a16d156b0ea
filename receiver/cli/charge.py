"""`retry` and `delete`: what costs money or cannot be undone; both ask first."""

import secrets

import click

from receiver import inbox
from receiver.cli.following import require_completed, until_ended
from receiver.cli.looking import dollars, line
from receiver.cli.running import (
    as_json,
    configure,
    confirm,
    examples,
    print_json,
    tell,
    transcription_id,
    with_provider,
)
from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.logs import printable
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.providers.transcribe_so.prices import price_usd

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


@click.command(epilog=examples("receiver retry 4821", "receiver retry 4821 --yes --wait --json | jq .status"))
@click.argument("transcription", metavar="ID", callback=transcription_id)
@yes_option
@click.option("--wait", is_flag=True, help="Follow it to its end.")
@as_json
def retry(transcription: str, *, yes: bool, wait: bool, as_json: bool) -> None:
    """Start a failed transcription again. It is charged again, from scratch; says the price and asks."""
    configured = configure()

    async def work(provider: TranscribeSo, db: "Pool | None") -> TranscriptionStatus:
        status = await provider.get(transcription)
        if status.status != "failed":
            raise ImpossibleError(f"transcription {status.id} is {status.status}; only a failed one is started again")
        if not yes:
            click.echo(line(status), err=True)
            confirm(f"Charge {await _price(provider, status)} and start it again?")
        since = 0 if db is None else await inbox.newest_key(db)
        started = await provider.retry(transcription, idempotency_key=f"retry-{secrets.token_hex(16)}")
        if wait or as_json:  # it is charged, whatever becomes of what we print
            click.echo(f"transcription {started.id} is started again", err=True)
        if not wait:
            return started
        ended = await until_ended(provider, db, configured, started.id, since=since)
        require_completed(ended)
        return ended

    found = with_provider(configured, work)
    if as_json:
        print_json(found.model_dump(mode="json", exclude={"callback"}))
    else:
        tell(f"transcription {found.id} is {printable(found.status)}")


@click.command(epilog=examples("receiver delete 4821", "receiver delete 4821 --yes"))
@click.argument("transcription", metavar="ID", callback=transcription_id)
@yes_option
def delete(transcription: str, *, yes: bool) -> None:
    """Delete a transcription at the provider, for ever: its result and its media. What is stored here stays."""

    async def work(provider: TranscribeSo, _: "Pool | None") -> None:
        status = await provider.get(transcription)
        if not yes:
            click.echo(line(status), err=True)
            confirm("Delete it at the provider, for ever?")
        await provider.delete(transcription)

    with_provider(configure(), work)
    tell(f"transcription {transcription} is deleted")


async def _price(provider: TranscribeSo, status: TranscriptionStatus) -> str:
    """Return what a retry will cost, reckoned from the price list: the provider quotes recordings, not retries."""
    code = (status.model_extra or {}).get("pipeline_code")
    price = next((one.retail_usd_per_min for one in await provider.pipelines() if one.code == code), None)
    if price is None or status.duration_seconds is None:
        return "the full price"
    return f"about {dollars(price_usd(price, status.duration_seconds), digits=4)}"
