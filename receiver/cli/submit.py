"""`transcribe` and `quote`: hand the provider a recording, or ask what that would cost."""

import math
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import click

from receiver import archive, callbacks, inbox, notebook, streams, uploads
from receiver.archive import Subject
from receiver.callbacks import Submission
from receiver.cli import progress, recordings
from receiver.cli.following import require_completed, until_ended
from receiver.cli.looking import dollars
from receiver.cli.recordings import duration_option, language_option, pipeline_option
from receiver.cli.running import as_json, configure, examples, print_json, with_provider
from receiver.database import Pool
from receiver.errors import ImpossibleError, InvalidRequest, PaymentRequired, ProviderUnavailable, RateLimited
from receiver.logs import printable
from receiver.notebook import Notebook
from receiver.providers import Recording, TranscribeSo
from receiver.providers.transcribe_so import NOTHING_SENT, TranscriptionStatus, read_result
from receiver.providers.transcribe_so.prices import billed_minutes, price_usd
from receiver.settings import Settings
from receiver.uploads import MediaFile


@dataclass(frozen=True, slots=True)
class Order:
    """What the options of `transcribe` say."""

    recording: Recording
    file: MediaFile | None
    idempotency_key: str | None
    max_usd: float | None
    callback: bool
    again: bool


@click.command(
    epilog=examples(
        "receiver transcribe https://youtu.be/dQw4w9WgXcQ --wait > transcript.txt",
        "receiver transcribe episode.mp3 --max-usd 2",
        "receiver transcribe https://example.com/episode.mp3 --pipeline voxtral-mini-transcribe --json",
    )
)
@click.argument("source")
@pipeline_option
@language_option
@duration_option
@click.option(
    "--max-usd", type=click.FloatRange(min=0), help="Refuse above this price, before anything is sent or charged."
)
@click.option("--wait", is_flag=True, help="Follow it to its end and print the transcript.")
@click.option("--callback", is_flag=True, help="Have its deliveries come to a path of their own; needs PUBLIC_URL.")
@click.option("--idempotency-key", help="Submit at most once under this key within 24 hours; 128 characters at most.")
@click.option("--again", is_flag=True, help="Pay for it although the provider is at the same recording already.")
@as_json
def transcribe(
    source: str, *, pipeline: str | None, language: str, duration: float | None, max_usd: float | None,
    idempotency_key: str | None, wait: bool, callback: bool, again: bool, as_json: bool,
) -> None:  # fmt: skip
    """Submit SOURCE: a file, a YouTube or podcast page's URL, or the URL of a media file. It is charged.

    Prints the transcription's id, with --wait its transcript. Until that is written, the same command started again in
    the same folder goes on where it stopped and does not pay twice; a file of over 50 MB is sent in pieces, so what has
    arrived is not sent again.
    """
    configured = configure()
    if callback and configured.public_url is None:
        raise ImpossibleError("--callback needs PUBLIC_URL: where the provider reaches this receiver")
    recording, file = recordings.of(source, pipeline, language, duration)
    order = Order(recording, file, idempotency_key, max_usd, callback, again)

    async def work(provider: TranscribeSo, db: "Pool | None", notes: Notebook) -> tuple[TranscriptionStatus, str]:
        since = 0 if db is None else await inbox.newest_key(db)
        submitted = await _submit(provider, db, configured, order, notes)
        if not wait:
            return submitted, ""
        ended = await until_ended(provider, db, configured, submitted.id, since=since)
        return ended, await _text(provider, db, ended) if ended.status == "completed" else ""

    whose = configured.account()
    about = file.path if file is not None else recording.url or source
    with (
        _advice(configured),
        notebook.opened(configured.data_dir, (whose.api_url, whose.key_fingerprint), about) as notes,
    ):
        reached, text = with_provider(configured, partial(work, notes=notes))
        if not wait:
            print_json(reached.model_dump(mode="json", exclude={"callback"})) if as_json else click.echo(reached.id)
        elif reached.status == "completed":
            print_json({"id": reached.id, "text": text}) if as_json else click.echo(text)
        if streams.is_read(sys.stdout):  # who has not got what was paid for, and starts again, must not pay again
            notes.forget()
        if wait:
            require_completed(reached)


@click.command(
    epilog=examples("receiver quote https://youtu.be/dQw4w9WgXcQ", "receiver quote episode.mp3 --json | jq .retail_usd")
)
@click.argument("source")
@pipeline_option
@language_option
@duration_option
@as_json
def quote(source: str, pipeline: str | None, language: str, duration: float | None, *, as_json: bool) -> None:
    """Ask what SOURCE would cost; nothing is started or charged. The provider lists what it priced as `quoted`.

    For a file, which only an upload would let the provider price, it is reckoned from the price list.
    """
    recording, file = recordings.of(source, pipeline, language, duration)

    async def ask(provider: TranscribeSo, _: "Pool | None") -> dict[str, Any]:
        if file is not None:
            return await _reckon(provider, recording)
        answer = await provider.quote(recording, idempotency_key=f"quote-{secrets.token_hex(16)}")
        return answer.model_dump(mode="json")

    answer = with_provider(configure(), ask)
    if as_json:
        print_json(answer)
        return
    minutes = "" if answer.get("billed_minutes") is None else f" for {answer['billed_minutes']:g} billed minutes"
    by_list = "" if file is None else f", by the price list of {printable(answer['pipeline_code'])}"
    click.echo(f"{dollars(answer['retail_usd'], digits=4)}{minutes}{by_list}")


async def _submit(
    provider: TranscribeSo, db: "Pool | None", configured: Settings, order: Order, notes: Notebook
) -> TranscriptionStatus:
    if order.callback and db is None:
        raise ImpossibleError("--callback needs the receiver's database: run `receiver up`, or set DATABASE_URL")
    recording, asked_before = order.recording, notes.progress.asked is not None
    # What may have been submitted already went with its ceiling; a quote refused now would say nothing about that.
    ceiling = None if asked_before else order.max_usd
    if not (asked_before or order.again or order.idempotency_key is not None):
        await recordings.require_no_other(provider, recording)
    if order.file is not None:
        if ceiling is not None:  # before the file is sent; the provider's own quote needs it there
            _check_price((await _reckon(provider, recording, cheapest=True))["retail_usd"], ceiling)
        with progress.bar(f"uploading {order.file.path.name}", order.file.size) as progressed:
            upload_id = await uploads.upload(provider, order.file, notes, progressed=progressed)
        recording = replace(recording, upload_id=upload_id)
    try:
        if ceiling is not None:
            priced = await provider.quote(recording, idempotency_key=f"quote-{secrets.token_hex(16)}")
            _check_price(priced.retail_usd, ceiling)
        submitted = await _send(provider, db, configured, _submission(order, recording, notes), callback=order.callback)
    except (InvalidRequest, PaymentRequired, RateLimited) as exc:
        # Of an earlier submission, whose answer was lost, a refusal under another key says nothing, nor does a 429.
        is_about_it = order.idempotency_key is None and not isinstance(exc, RateLimited)
        if exc.status is not None and (is_about_it or not (asked_before or exc.maybe_done)):
            notes.refused(exc)
        raise
    price = "" if submitted.retail_usd is None else f", {dollars(submitted.retail_usd, digits=4)}"
    click.echo(f"submitted as transcription {submitted.id}{price}", err=True)
    return submitted


def _submission(order: Order, recording: Recording, notes: Notebook) -> Submission:
    """Return what is sent, under the person's key or the notebook's."""
    if order.idempotency_key is not None:
        return Submission(recording, order.idempotency_key, order.max_usd, asked_before=True)
    key, asked_before = notes.ask(recording.to_json() | {"max_usd": order.max_usd, "callback": order.callback})
    return Submission(recording, key, order.max_usd, asked_before=asked_before)


async def _send(
    provider: TranscribeSo, db: "Pool | None", configured: Settings, submission: Submission, *, callback: bool
) -> TranscriptionStatus:
    try:
        if not callback or db is None or configured.public_url is None:
            return await provider.transcribe(
                submission.recording, idempotency_key=submission.idempotency_key,
                max_charge_usd=submission.max_charge_usd, asked_before=submission.asked_before,
            )  # fmt: skip
        async with db.acquire() as connection:
            return await callbacks.submit(connection, provider, submission, public_url=configured.public_url)
    except ProviderUnavailable as exc:
        if exc.code not in NOTHING_SENT or exc.maybe_done:
            exc.add_note(
                "It may have been submitted all the same: run the same command again, which cannot pay twice, "
                f"or from elsewhere with --idempotency-key {submission.idempotency_key}"
            )
        raise


def _check_price(price: float, max_usd: float) -> None:
    if price > max_usd:
        raise ImpossibleError(
            f"it would cost {dollars(price, digits=4)}, more than --max-usd {max_usd:g}: nothing was submitted"
        )


async def _reckon(provider: TranscribeSo, recording: Recording, *, cheapest: bool = False) -> dict[str, Any]:
    """Return a file's price by the list; where no model is named, with the first one's, or else the `cheapest`."""
    found = await provider.pipelines()
    if cheapest:  # which one the provider would take is not told, so this much it costs at least
        found.sort(key=lambda one: math.inf if one.retail_usd_per_min is None else one.retail_usd_per_min)
    wanted = [one for one in found if recording.pipeline_code in (None, one.code)]
    if not wanted or wanted[0].retail_usd_per_min is None:
        names = ", ".join(one.code for one in found)
        raise ImpossibleError(f"there is no price for {recording.pipeline_code}; the provider has {names}")
    seconds = recording.duration_seconds or 0
    return {
        "retail_usd": price_usd(wanted[0].retail_usd_per_min, seconds),
        "billed_minutes": billed_minutes(seconds),
        "pipeline_code": wanted[0].code,
    }


async def _text(provider: TranscribeSo, db: "Pool | None", status: TranscriptionStatus) -> str:
    if db is None:
        return (await read_result(await provider.result(status.id)))[1].text
    subject = Subject(provider.source, provider.api_url, str(status.id), status.completed_at or "")
    return (await archive.transcript(db, provider, subject)).text


@contextmanager
def _advice(configured: Settings) -> Iterator[None]:
    """Say what is true where somebody interrupts."""
    try:
        yield
    except KeyboardInterrupt as exc:
        folder = configured.data_dir.absolute()
        said = f"the same command, in this folder, goes on and pays for nothing twice (notes in {folder})"
        raise KeyboardInterrupt(said) from exc
