"""`transcribe` and `quote`: submit a recording to the provider, or ask for its price."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import click
from click.core import ParameterSource

from receiver.cli import by_worker, submit, terminal
from receiver.cli.by_worker import Typed
from receiver.cli.opening import database_if_there, opened
from receiver.cli.options import FiniteRange, account_option, again_option, as_json, examples, options_option
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.errors import ImpossibleError
from receiver.logs import printable, streams
from receiver.providers import Recording, TranscribeSo
from receiver.providers.orders import Media
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.settings import Settings
from receiver.submissions import foreseen, price, progress, recordings, transcription
from receiver.submissions.alone import LoneOrder
from receiver.submissions.asking import Terms
from receiver.submissions.following import Progressed
from receiver.submissions.price import Price, dollars
from receiver.submissions.progress import Notebook
from receiver.webhooks import callbacks

OF_TRANSCRIBE_SO = ("pipeline", "duration", "callback")

pipeline_option = click.option(
    "--pipeline", help="The model (see `receiver pipelines`). Default: the provider's choice."
)
language_option = click.option("--language", default="auto", show_default=True, help="A BCP 47 code such as en.")
duration_option = click.option(
    "--duration",
    type=FiniteRange(min=0, min_open=True),
    help="Length in seconds; needed if it cannot be read from the file.",
)


@click.command(
    epilog=examples(
        "receiver transcribe https://youtu.be/dQw4w9WgXcQ --wait > transcript.txt",
        "receiver transcribe episode.mp3 --max-charge 2",
        "receiver transcribe https://example.com/episode.mp3 --pipeline voxtral-mini-transcribe --json",
        "receiver transcribe episode.mp3 --provider thunderscribe --language en --wait",
    )
)
@click.argument("recording")
@pipeline_option
@language_option
@duration_option
@click.option(
    "--max-charge", type=FiniteRange(min=0),
    help="Refuse what costs more than this (for other providers: what probably would), in the provider's unit: US "
    "dollars for transcribe.so.",
)  # fmt: skip
@click.option("--wait", is_flag=True, help="Wait until it ends, then print the transcript.")
@click.option(
    "--callback",
    is_flag=True,
    help="Also deliver this transcription's event to a callback path of its own; needs PUBLIC_URL and a database.",
)
@click.option(
    "--idempotency-key",
    help="Submit at most once with this key. Without a database: within 24 hours, at most 128 characters.",
)
@again_option
@click.option(
    "--provider", type=submit.provider, help="Ask another provider; a worker sends it. Default: transcribe.so."
)
@options_option
@submit.account_option
@as_json
@click.pass_context
def transcribe(
    ctx: click.Context, recording: str, *, pipeline: str | None, language: str, duration: float | None,
    max_charge: float | None, idempotency_key: str | None, wait: bool, callback: bool, again: bool,
    provider: str | None, options: tuple[tuple[str, str], ...], account: str, as_json: bool,
) -> None:  # fmt: skip
    """Submit RECORDING for transcription. This costs money.

    Print the transcription's id, or with --wait its transcript.

    RECORDING is a file, the URL of a YouTube or podcast page, or the URL of a media file.

    With a database, a worker sends it: run `receiver work`, or `receiver up`. The same command again means the same
    submission, from any folder and any machine with the same database: nothing is paid for twice.

    Without a database the command sends it itself. If it was interrupted, run it again in the same folder: it continues
    where it stopped, and you do not pay twice. A file of over 50 MB is sent in pieces, and a piece that has arrived is
    not sent again.
    """
    if provider not in (None, TranscribeSo.name):
        typed = Typed(provider, account, (*options, *_for_others(ctx)))
        terms = Terms("ask", idempotency_key, again, max_charge)
        by_worker.with_another_provider(configure(), recording, typed, terms, wait=wait, as_json=as_json)
        return
    if options:
        raise click.UsageError("-o goes with another --provider; for transcribe.so: --pipeline, --language, --duration")
    configured = configure().choosing(account)
    request, file = _handed_in(recording, pipeline, language, duration)
    order, pays = LoneOrder(request, file, idempotency_key, max_charge, again=again), configured.account()
    with database_if_there(configured) as url:
        if url is None or progress.is_lost(configured.data_dir, pays, order.about):
            _alone(configured, order, callback=callback, wait=wait, as_json=as_json)
            return
        callback_at = callbacks.public_url(configured) if callback else None
        asked = foreseen.asked_of(request, file, pays, Terms("ask", idempotency_key, again, max_charge, callback_at))
        by_worker.with_transcribe_so(configured, url, asked, wait=wait, as_json=as_json)


def _alone(configured: Settings, order: LoneOrder, *, callback: bool, wait: bool, as_json: bool) -> None:
    """Submit a recording without a database, or one whose answer was lost without one."""
    bar = terminal.bar("uploading" if order.file is None else f"uploading {order.file.name}")

    async def work(notes: Notebook) -> tuple[TranscriptionStatus, str]:
        async with opened(configured) as desk:
            called = replace(order, callbacks=callbacks.of(configured, desk.db)) if callback else order
            with bar as uploaded, terminal.transcription() as (followed, progressed):
                return await transcription.transcribe(
                    desk.provider, desk.db, configured, called, notes, wait=wait, uploaded=uploaded,
                    submitted=partial(_say_submitted, followed=followed if wait else None), progressed=progressed,
                )  # fmt: skip

    with _advice(configured), transcription.noted(configured, order) as notes:
        reached, text = run(work(notes))
        _print(reached, text, wait=wait, as_json=as_json)
        transcription.end(notes, reached, is_seen=streams.is_read(sys.stdout), waited=wait)


@click.command(
    epilog=examples("receiver quote https://youtu.be/dQw4w9WgXcQ", "receiver quote episode.mp3 --json | jq .retail_usd")
)
@click.argument("recording")
@pipeline_option
@language_option
@duration_option
@account_option
@as_json
def quote(recording: str, pipeline: str | None, language: str, duration: float | None, *, as_json: bool) -> None:
    """Ask for the price of RECORDING. Nothing is started or charged.

    RECORDING is a file, the URL of a YouTube or podcast page, or the URL of a media file. The provider prices a URL,
    and lists it as `quoted`. The price of a file is calculated from the price list, so the file is not uploaded.
    """
    request, _ = _handed_in(recording, pipeline, language, duration)

    async def ask(configured: Settings) -> Price:
        async with opened(configured) as desk:
            return await price.of(desk.provider, request)

    found = run(ask(configure()))
    if as_json:
        print_json(found.to_json())
        return
    click.echo(printable(found.said))


def _for_others(ctx: click.Context) -> list[tuple[str, str]]:
    """Return what was typed for any provider, as options of an operation. Refuse what only transcribe.so knows."""
    typed = [name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    for name in OF_TRANSCRIBE_SO:
        if name in typed:
            raise click.UsageError(f"--{name.replace('_', '-')} is for transcribe.so, and does not go with --provider")
    return [("language", ctx.params["language"])] if "language" in typed else []


def _handed_in(
    typed: str, pipeline: str | None, language: str, duration: float | None
) -> tuple[Recording, Media | None]:
    if not typed.strip():
        raise ImpossibleError("RECORDING is empty: name a file, or a web address")
    if recordings.is_address(typed):
        return recordings.of_address(typed, pipeline, language, duration), None
    return recordings.of_file(typed, pipeline, language, duration)


def _say_submitted(status: TranscriptionStatus, *, followed: Progressed | None) -> None:
    charged = "" if status.retail_usd is None else f", {dollars(status.retail_usd, digits=4)}"
    click.echo(f"submitted as transcription {status.id}{charged}", err=True)
    if followed is not None:
        followed(status)


def _print(reached: TranscriptionStatus, text: str, *, wait: bool, as_json: bool) -> None:
    if not wait:
        print_json(reached.model_dump(mode="json", exclude={"callback"})) if as_json else click.echo(reached.id)
    elif reached.status == "completed":
        print_json({"id": reached.id, "text": text}) if as_json else click.echo(text)


@contextmanager
def _advice(configured: Settings) -> Iterator[None]:
    """Tell a person who interrupts the command how to continue."""
    try:
        yield
    except KeyboardInterrupt as exc:
        folder = configured.data_dir.absolute()
        said = f"run the same command in this folder to continue; you do not pay twice (notes in {folder})"
        raise KeyboardInterrupt(said) from exc
