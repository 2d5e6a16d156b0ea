"""`search`: what was said, and when."""

from datetime import timedelta

import click

from receiver.cli import filters
from receiver.cli.opening import with_database
from receiver.cli.options import as_json, examples, limit_option
from receiver.cli.printing import print_json
from receiver.cli.process import configure
from receiver.logs import clock, printable
from receiver.submissions.library import searching
from receiver.submissions.library.searching import Among, Hit
from receiver.transcripts import documents


@click.command(
    epilog=examples(
        "receiver search interest rates",
        "receiver search '\"interest rates\" -inflation'      a phrase, and what must not stand beside it",
        "receiver search mitochondria or chloroplast --title lecture --since 365d",
        "receiver search 利率 --json | jq -r '.[] | [.transcription_id, .seconds] | @tsv'",
    )
)
@click.argument("words", nargs=-1, required=True)
@filters.of_transcripts
@limit_option(20)
@as_json
def search(
    words: tuple[str, ...], *, title: str | None, source: str | None, since: timedelta | None, limit: int, as_json: bool
) -> None:
    """Search all kept transcripts for what was said, the newest first.

    A passage of about half a minute must have all the WORDS, in any form that the transcript's language gives them;
    where words have no spaces between them, each term must stand in the text. A worker puts transcripts into the index,
    so it must run (`receiver work`).
    """
    wanted = Among(title=title, source=source, since=since)
    hits, waiting = with_database(
        configure(), lambda db: searching.all_hits(db, " ".join(words), wanted, limit + 1 if limit else None)
    )
    shown = hits[:limit] if limit else hits
    if as_json:
        print_json([hit.to_json() for hit in shown])
    else:
        for hit in shown:
            click.echo(_line(hit))
        if not hits:
            click.echo("nothing found", err=True)
    if len(shown) < len(hits):
        click.echo(f"there are more than {limit}: see --limit", err=True)
    if sentence := searching.not_indexed(waiting):
        click.echo(sentence, err=True)


def _line(hit: Hit) -> str:
    """Return a hit in two lines: where it was said, and what."""
    title = "" if hit.title is None else f"  “{printable(hit.title)}”"
    speaker = "" if hit.speaker is None else f"{printable(hit.speaker)}: "
    said = "".join(
        click.style(printable(part.text), bold=True) if part.is_marked else printable(part.text) for part in hit.excerpt
    )
    where = f"{hit.source}  {printable(hit.transcription_id)}{title}  at {documents.clock(hit.seconds)}"
    return f"{clock(hit.at)}  {where}\n  {speaker}{said}"
