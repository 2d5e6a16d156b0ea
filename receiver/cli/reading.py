"""`transcript` and `timestamps`: what is made of a finished transcription; from the archive, else from the provider."""

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Literal, get_args

import click

from receiver import archive, documents, subtitles
from receiver.archive import Subject
from receiver.cli import progress
from receiver.cli.charge import yes_option
from receiver.cli.following import require_completed
from receiver.cli.running import (
    as_json,
    configure,
    confirm,
    examples,
    print_json,
    transcription_id,
    with_database,
    with_provider,
)
from receiver.database import Pool
from receiver.errors import ImpossibleError, NoDataError, NotReady
from receiver.logs import printable
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import SOURCE, TimestampsAnswer, read, read_result
from receiver.settings import Settings, TimestampsFormat
from receiver.streams import OutputError
from receiver.transcripts import Timestamps, Transcript

BALANCED = "balanced"
STYLES = (BALANCED, "punchy", "educational")
PROMPT_LENGTH = 200
Write = Callable[[Transcript, str | None], str]


def _to_json(transcript: Transcript, title: str | None) -> str:
    return json.dumps({"title": title, "text": transcript.text, **asdict(replace(transcript, title=title))}, indent=2)


WRITERS: dict[str, Write] = {
    "text": lambda transcript, _: transcript.text,
    "markdown": lambda transcript, title: documents.markdown(transcript, title=title),
    "srt": lambda transcript, _: subtitles.srt(transcript),
    "vtt": lambda transcript, _: subtitles.vtt(transcript),
    "json": _to_json,
    "chapters": lambda transcript, title: json.dumps(documents.podcast_chapters(transcript, title=title), indent=2),
}


@click.command(
    epilog=examples(
        "receiver transcript 4821 > transcript.txt",
        "receiver transcript 4821 --format srt > episode.srt",
        "receiver transcript 4821 --format chapters > chapters.json",
    )
)
@click.argument("transcription", metavar="ID", callback=transcription_id)
@click.option("--format", "name", type=click.Choice(list(WRITERS)), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def transcript(transcription: str, name: str, *, as_json: bool) -> None:
    """Print a transcript: as it is stored, else as the provider has it, which is then kept.

    `chapters` is the chapters file of Podcasting 2.0 (JSON, version 1.2.0).
    """
    found, title = _transcript(configure(), transcription)
    text = WRITERS["json" if as_json else name](found, title)
    if text:
        click.echo(text, nl=not text.endswith("\n"))


def _transcript(configured: Settings, transcription: str) -> tuple[Transcript, str | None]:
    async def stored(db: Pool) -> tuple[Transcript | None, str | None]:
        whose = await _whose(db, configured, transcription, "result")
        kept = await archive.stored_transcript(db, whose, transcription)
        return kept, await archive.stored_title(db, whose, transcription)

    kept, title = _stored(configured, stored) or (None, None)
    if kept is not None:
        return kept, title

    async def fetched(provider: TranscribeSo, db: "Pool | None") -> tuple[Transcript, str | None]:
        status = await provider.get(transcription)
        require_completed(status)
        if db is None:
            return (await read_result(await provider.result(status.id)))[1], status.title
        subject = Subject(provider.source, provider.api_url, str(status.id), status.completed_at or "")
        await archive.keep_title(db, subject, status.title)
        return await archive.transcript(db, provider, subject), status.title

    return with_provider(_with_key(configured, f"the transcript of {transcription}"), fetched)


@click.command(
    epilog=examples(
        "receiver timestamps 4821",
        "receiver timestamps 4821 --format spotify --style punchy",
        "receiver timestamps 4821 --style punchy --regenerate 'focus on the case studies'",
    )
)
@click.argument("transcription", metavar="ID", callback=transcription_id)
@click.option("--format", "name", type=click.Choice(get_args(TimestampsFormat)), default="youtube", show_default=True)
@click.option("--style", type=click.Choice(STYLES), help="Of the titles; by default what is there, else balanced.")
@click.option(
    "--regenerate", "prompt", help="Have the titles made anew, to this wish of at most 200 characters, or to none: ''."
)
@yes_option
@as_json
def timestamps(
    transcription: str, name: str, style: Literal["balanced", "punchy", "educational"] | None, prompt: str | None,
    *, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Print a transcription's chapter timestamps, ready to paste: as stored, else as the provider has them.

    A style that was never made needs --regenerate: 30 to 90 seconds, at most ten times for each transcription.
    """
    configured = configure()

    async def kept(db: Pool) -> Timestamps | None:
        whose = await _whose(db, configured, transcription, f"timestamps/{name}/%")
        for wanted in (style or BALANCED, *([] if style else [None])):
            found = await archive.stored_timestamps(db, whose, transcription, name, wanted)
            if found is not None:
                return found
        return None

    if prompt is not None:
        if len(prompt) > PROMPT_LENGTH:
            raise click.UsageError(f"--regenerate takes at most {PROMPT_LENGTH} characters")
        found = _regenerated(configured, transcription, name, style or BALANCED, prompt, yes=yes)
    else:
        found = _stored(configured, kept) or _fetched(configured, transcription, name, style or BALANCED)
    try:
        _show(transcription, found, as_json=as_json)
    except OutputError:
        if prompt is not None:
            shows = f"receiver timestamps {transcription} --format {name} --style {style or BALANCED}"
            click.echo(f"they are made and kept: `{shows}` shows them without another charge", err=True)
        raise


def _fetched(configured: Settings, transcription: str, name: str, style: str) -> Timestamps:
    async def fetch(provider: TranscribeSo, db: "Pool | None") -> Timestamps:
        if db is None:
            answer = await provider.timestamps(transcription, name, style=style)
            return (await read(TimestampsAnswer, answer)).timestamps()
        status = await provider.get(transcription)
        subject = Subject(provider.source, provider.api_url, str(status.id), status.completed_at or "")
        return await archive.timestamps(db, provider, subject, name, style)

    try:
        return with_provider(_with_key(configured, f"the {name} timestamps of {transcription}"), fetch)
    except NotReady as exc:
        if not exc.available_styles:
            raise
        # Its own words name the request of its API that makes one.
        free = " or --style ".join(exc.available_styles)
        ours = NotReady(
            f"the timestamps of {transcription} were never made in the style {style}",
            code=exc.code, status=None, request_id=exc.request_id,
        )  # fmt: skip
        ours.add_note(f"Free to read: --style {free}. To have this one made: --style {style} --regenerate ''")
        raise ours from exc


def _regenerated(
    configured: Settings, transcription: str, name: str, style: str, prompt: str, *, yes: bool
) -> Timestamps:
    async def regenerate(provider: TranscribeSo, db: "Pool | None") -> Timestamps:
        status = await provider.get(transcription)
        if status.status != "completed":  # it would be refused, and counted here all the same
            raise ImpossibleError(f"transcription {status.id} is {status.status}; only a completed one has timestamps")
        if not yes:
            used = "" if db is None else f"; {await archive.regenerations(db, provider, str(status.id))} are used"
            confirm(f"It may be charged, and is one of {archive.REGENERATIONS} for this transcription{used}. Go on?")
        click.echo("regenerating; this takes 30 to 90 s", err=True)
        subject = Subject(provider.source, provider.api_url, str(status.id), status.completed_at or "")
        with progress.clock("regenerating"):
            return await archive.regenerate(db, provider, subject, name, style=style, prompt=prompt)

    return with_provider(configured, regenerate)


def _show(transcription: str, found: Timestamps, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": transcription, **asdict(found)})
        return
    if not found.text.strip():
        why = "".join(f"; {warning}" for warning in found.warnings)
        raise ImpossibleError(f"transcription {transcription} has no chapters, so there is nothing to paste{why}")
    click.echo(found.text)
    for warning in found.warnings:
        click.echo(f"warning: {printable(warning)}", err=True)
    if not found.ok_to_paste:
        click.echo("warning: not fit to paste as it is", err=True)


def _stored(configured: Settings, read: Callable[[Pool], Any]) -> Any:
    """Return what `read` finds in the database; None where there is no database but a key to ask the provider with."""
    try:
        return with_database(configured, read)
    except NoDataError:
        if configured.api_key is None:
            raise
        return None


async def _whose(db: Pool, configured: Settings, transcription: str, kind: str) -> archive.Provider:
    """Return whose transcription is meant: the configured API's; without a key for that, the only one's that is stored.

    Raises:
        ImpossibleError: several APIs have one of this id.
    """
    if configured.api_key is not None:
        return SOURCE, configured.api_url
    found = await archive.apis(db, SOURCE, transcription, kind)
    if configured.api_url in found or not found:
        return SOURCE, configured.api_url
    if len(found) > 1:
        choices = " or ".join(found)
        raise ImpossibleError(f"{transcription} of several APIs is stored: set TRANSCRIBE_API_URL to {choices}")
    return SOURCE, found[0]


def _with_key(configured: Settings, what: str) -> Settings:
    """Return the settings, which must have a key.

    Raises:
        ImpossibleError: there is none, so only what is stored can be shown.
    """
    if configured.api_key is None:
        raise ImpossibleError(f"not stored: {what}; set TRANSCRIBE_API_KEY to ask {configured.api_url}")
    return configured
