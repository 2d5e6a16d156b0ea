"""`submit`: hand recordings to the workers, which ask a provider."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import click

from receiver.cli import terminal
from receiver.cli.options import (
    FiniteRange,
    again_option,
    as_json,
    examples,
    options_option,
    refuse_again_with_key,
)
from receiver.cli.printing import print_json
from receiver.cli.process import configure, interruptible, paid_once, run
from receiver.database import Pool
from receiver.database.opening import open_database, open_pool
from receiver.events import DEFAULT_ACCOUNT, AccountId
from receiver.health import telling
from receiver.logs import clock, printable
from receiver.providers import SOURCES, Source
from receiver.providers.opening import open_client
from receiver.submissions import asking, ordering, results, texts
from receiver.submissions.asking import Asked, Terms
from receiver.submissions.moves import IfLost, State
from receiver.submissions.records import Submission
from receiver.submissions.shelf import Shelf, open_shelf
from receiver.transcripts.documents import FORMATS

WITH_OPERATIONS = {source.name: source for source in SOURCES if source.operations}


provider = click.Choice(list(WITH_OPERATIONS))
provider_option = click.option(
    "--provider", type=provider, required=True, help="Who is asked; see `receiver providers`."
)
account_option = click.option(
    "--account", metavar="NAME", default=DEFAULT_ACCOUNT, show_default=True, help="Which key of the provider pays."
)


@click.command(
    epilog=examples(
        "receiver submit episode.mp3 --provider thunderscribe -o language=en",
        "receiver submit season-2/ --provider thunderscribe -o language=en --if-lost again",
        "receiver submit episode.mp3 --provider thunderscribe -o language=en --wait > transcript.txt",
        "receiver submit sub_01hx… --provider timbr --operation translation -o source_language=en "
        "-o target_language=de",
    )
)
@click.argument("typed", metavar="RECORDING...", nargs=-1, required=True)
@provider_option
@account_option
@click.option("--operation", help="What it does with the recording. Default: its first operation.")
@options_option
@click.option(
    "--if-lost", type=click.Choice(["ask", "again", "fail"]), default="ask", show_default=True,
    help="If the provider's answer is lost: ask a person, send it once more (it may be charged twice), or fail.",
)  # fmt: skip
@click.option("--max-charge", type=FiniteRange(min=0), help="Refuse what costs more, in the provider's unit.")
@click.option("--idempotency-key", help="Submit at most once with this key. Default: what is asked for is the key.")
@again_option
@click.option("--wait", is_flag=True, help="Wait until it ends, then print the transcript.")
@as_json
def submit(
    typed: tuple[str, ...], *, provider: str, account: str, operation: str | None,
    options: tuple[tuple[str, str], ...], if_lost: IfLost, max_charge: float | None, idempotency_key: str | None,
    again: bool, wait: bool, as_json: bool,
) -> None:  # fmt: skip
    """Submit each RECORDING to a provider. This costs money.

    Print the id of each submission. RECORDING is a file, a folder of files, or a web address. A worker sends it: run
    `receiver work`, or `receiver up`.

    An operation on subtitles, such as a translation, also takes the transcript of a submission (sub_…) or of a
    transcription (transcribe.so/4821) as its RECORDING.

    The same command again means the same submissions, from any folder and any machine with the same database: nothing
    is paid for twice.
    """
    configured = configure()
    source = WITH_OPERATIONS[provider]
    pays, named = configured.account_of(provider, account), asking.operation_of(source, operation)
    shelf, terms = open_shelf(configured), Terms(if_lost, idempotency_key, again, max_charge)
    ask = partial(asking.read, source, pays, asking.work_of(source, named, options), terms=terms)
    given = _handed_in(typed, source, named, terms)
    recordings = {one: ask(one) for one in given if not texts.is_name(one)}  # mistakes are said before anything is done

    async def work(url: str, folder: Path) -> list[tuple[Submission, str]]:
        async with open_pool(url) as db, open_client(source, pays, url) as client:
            made = await texts.subtitled(db, url, configured, given, folder)
            asked = recordings | {one: ask(file) for one, file in made.items()}
            places = _places(len(given))
            found = [await hand_over(client, db, asked[one], shelf, place=next(places)) for one in given]
            await _say_nobody_sends(db, pays.id, configured.chosen.api_url)
            return [await _ended(client, db, one) if wait else (one, "") for one in found]

    with paid_once(again=again), tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        with interruptible():
            url = stack.enter_context(open_database(configured, create=False))
        found = run(work(url, Path(folder)))
    _print(found, wait=wait, as_json=as_json)
    for one, _ in found if wait else ():
        results.require_done(one)


def _handed_in(typed: Sequence[str], source: type[Source], operation: str, terms: Terms) -> list[str]:
    """Return the recordings, and the names of transcripts. Refuse what does not go together."""
    refuse_again_with_key(terms.idempotency_key, again=terms.again)
    given = asking.recordings_in(typed)
    if terms.idempotency_key is not None and len(given) > 1:
        raise click.UsageError("--idempotency-key is for one RECORDING")
    texts.require_allowed(source, operation, given)
    return given


def _places(number: int) -> Iterator[str]:
    """Yield what is shown before each of so many recordings. A single one needs nothing."""
    return (f"{place} of {number}: " if number > 1 else "" for place in range(1, number + 1))


async def hand_over(client: Source, db: Pool, asked: Asked, shelf: Shelf, *, place: str = "") -> Submission:
    """Hand a submission to the workers, and tell a person its price and whether it was there before.

    `place` says which of several it is.
    """
    estimate = asked.estimate
    if estimate is not None:
        click.echo(f"{printable(asked.recording)}: about {estimate:g} {asked.source.unit}", err=True)
    label = f"{place}{asked.recording}"
    with terminal.bar(f"uploading {label}", first=f"submitting {label}") as sending:
        found, is_new = await ordering.submit(client, db, asked, shelf, sending=sending)
    if not is_new and found.state is not State.INTENDED:
        when, given = clock(found.created_at), asked.recording
        given += "" if given == found.recording else f" has the content of {found.recording}"
        other = "--again" if asked.terms.idempotency_key is None else "another --idempotency-key"
        said = f"{given}: {found.id} was submitted at {when} and is {found.state}; {other} pays for a new one"
        click.echo(printable(said), err=True)
    if asked.terms.callback_at is not None and found.callback_url is None:
        click.echo(f"{found.id} was handed over before, without a callback: it gets none", err=True)
    return found


async def _say_nobody_sends(db: Pool, account: AccountId, api_url: str) -> None:
    missing = await telling.nobody_sends(db, account, api_url)
    if missing is not None:
        click.echo(missing, err=True)


async def _ended(client: Source, db: Pool, submission: Submission) -> tuple[Submission, str]:
    """Wait until a submission has ended. Return it, and its text."""
    with terminal.line() as show:

        async def so_far(now: Submission) -> None:
            show(progress(now))

        ended = await results.until_over(db, submission.id, so_far)
    return ended, await text_of(client, db, ended)


def progress(now: Submission) -> str:
    """Return what the line of progress says of a submission."""
    return f"{now.id}  {now.state}  {now.said or ''}"


async def text_of(client: Source, db: Pool, ended: Submission) -> str:
    """Return the text that a submission has brought; empty if there is none."""
    found = await results.transcript(client, db, ended) if ended.state is State.DONE else None
    return "" if found is None else FORMATS["text"](found)


def _print(found: Sequence[tuple[Submission, str]], *, wait: bool, as_json: bool) -> None:
    if as_json:
        print_json([one.to_json() | ({"text": text} if wait else {}) for one, text in found])
    elif wait:
        click.echo("\n\n".join(text.rstrip("\n") for _, text in found if text))
    else:
        click.echo("\n".join(one.id for one, _ in found))
