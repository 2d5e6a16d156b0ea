"""`transcript` and `timestamps`: print the results of a transcription, from the archive or else from the provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from typing import Literal, get_args

import click

from receiver.cli import terminal
from receiver.cli.opening import opened, with_database
from receiver.cli.options import account_option, as_json, examples, transcript_id, transcription_id, yes_option
from receiver.cli.printing import confirm, print_json
from receiver.cli.process import configure, run
from receiver.inbox import attempts
from receiver.logs import clock, printable
from receiver.logs.streams import OutputError
from receiver.providers import content
from receiver.providers.content import BALANCED, PROMPT_LENGTH, STYLES
from receiver.providers.regenerations import REGENERATIONS, Before
from receiver.providers.transcribe_so import NotReady
from receiver.settings import Settings, TimestampsFormat
from receiver.submissions import ids, results
from receiver.transcripts import Timestamps, Transcript
from receiver.transcripts.documents import FORMATS, WITH_CUES, written


@click.command(
    epilog=examples(
        "receiver transcript 4821 > transcript.txt",
        "receiver transcript 4821 --format srt > episode.srt",
        "receiver transcript 4821 --format chapters > chapters.json",
        "receiver transcript sub_01hx… --format srt --cues provider",
    )
)
@click.argument("transcription", metavar="ID", callback=transcript_id)
@click.option("--format", "name", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option(
    "--cues",
    type=click.Choice(["readable", "provider"]),
    help="Of srt and vtt: two lines and 7 s at most, or as the provider has cut them. Default: RECEIVER_CUES.",
)
@account_option
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def transcript(transcription: str, name: str, *, cues: str | None, as_json: bool) -> None:
    """Print a transcript.

    ID is that of a transcription of transcribe.so, or of a submission (sub_…).

    A transcript that is not stored yet is fetched from the provider, and then stored. The format `chapters` is the
    chapters file of Podcasting 2.0 (JSON, version 1.2.0).
    """
    name = "json" if as_json else name
    if cues is not None and name not in WITH_CUES:
        raise click.UsageError(f"--cues is for --format {' and '.join(WITH_CUES)}")

    async def find(configured: Settings) -> Transcript:
        async with opened(configured, needs_key=False) as desk:
            return await content.transcript(desk.archive, transcription)

    configured, there = configure(), None
    if ids.is_id(transcription):
        there = with_database(configured, lambda db: results.at_provider(db, transcription, configured))
    if there is not None:
        configured, transcription = there
    if ids.is_id(transcription):
        found = with_database(configured, lambda db: results.stored_transcript(db, transcription))
    else:
        found = run(find(configured))
    text = written(found, name, cues=cues or configured.cues)
    if text:
        click.echo(text, nl=not text.endswith("\n"))


@click.command(
    epilog=examples(
        "receiver timestamps 4821",
        "receiver timestamps 4821 --format spotify --style punchy",
        "receiver timestamps 4821 --style punchy --regenerate 'focus on the case studies'",
    )
)
@click.argument("transcription", metavar="ID", callback=transcription_id)
@click.option("--format", "name", type=click.Choice(get_args(TimestampsFormat)), default="youtube", show_default=True)
@click.option(
    "--style", type=click.Choice(STYLES), help="Style of the titles. Default: one that exists, else balanced."
)
@click.option(
    "--regenerate", "prompt", help="Make new titles with this prompt of at most 200 characters ('' for no prompt)."
)
@yes_option
@account_option
@as_json
def timestamps(
    transcription: str, name: str, style: Literal["balanced", "punchy", "educational"] | None, prompt: str | None,
    *, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Print chapter timestamps, ready to paste.

    Timestamps that are not stored yet are fetched from the provider, and then stored. A style that was never made needs
    --regenerate, which takes 30 to 90 seconds and works at most ten times for each transcription. If it is interrupted
    or no answer comes, run the same command again within 23 hours: it goes on, and does not count twice.
    """
    configured = configure()
    if prompt is None:
        found = run(_found(configured, transcription, name, style))
    elif len(prompt) > PROMPT_LENGTH:
        raise click.UsageError(f"--regenerate takes at most {PROMPT_LENGTH} characters")
    else:
        found = run(_regenerated(configured, transcription, name, style, prompt, yes=yes))
    try:
        _show(transcription, found, as_json=as_json)
    except OutputError:
        if prompt is not None:
            command = f"receiver timestamps {transcription} --format {name} --style {style or BALANCED}"
            click.echo(f"they are made and stored: `{command}` shows them without another charge", err=True)
        raise


async def _found(configured: Settings, transcription: str, name: str, style: str | None) -> Timestamps:
    try:
        async with opened(configured, needs_key=False) as desk:
            return await content.timestamps(desk.archive, transcription, name, style)
    except NotReady as exc:
        if exc.available_styles:
            free = " or --style ".join(exc.available_styles)
            exc.add_note(f"Free to read: --style {free}. To make this one: --style {exc.style} --regenerate ''")
        raise


async def _regenerated(
    configured: Settings, transcription: str, name: str, style: str | None, prompt: str, *, yes: bool
) -> Timestamps:
    async with opened(configured) as desk:
        return await content.regenerate(
            desk.archive, transcription, name, style=style, prompt=prompt, by=attempts.this_process(),
            confirm=partial(_tell_or_ask, transcription, style or BALANCED, yes=yes), working=_working,
        )  # fmt: skip


def _tell_or_ask(transcription: str, style: str, before: Before, *, yes: bool) -> None:
    """Tell that what was begun goes on, or else ask before another regeneration."""
    if before.open_since is not None:
        click.echo(f"going on with the regeneration of {clock(before.open_since)}: it counts once", err=True)
        return
    if yes:
        return
    used = "" if before.used is None else f"; {before.used} are used"
    if before.made_at is not None:
        stored = f"`receiver timestamps {transcription} --style {style}`"
        click.echo(
            f"the same was made at {clock(before.made_at)}: {stored} shows the newest titles of this style for nothing",
            err=True,
        )
    confirm(f"It might be charged, and is one of {REGENERATIONS} for this transcription{used}. Continue?")


@contextmanager
def _working() -> Iterator[None]:
    click.echo("regenerating; this takes 30 to 90 s", err=True)
    with terminal.clock("regenerating"):
        yield


def _show(transcription: str, found: Timestamps, *, as_json: bool) -> None:
    if as_json:
        print_json({"id": transcription, **asdict(found)})
        return
    content.require_chapters(found, transcription)
    click.echo(found.text)
    for warning in found.warnings:
        click.echo(f"warning: {printable(warning)}", err=True)
    if not found.ok_to_paste:
        click.echo("warning: not fit to paste as it is", err=True)
