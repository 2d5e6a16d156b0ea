"""`diagnose`: why a request that was captured is refused."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from receiver.cli.opening import database_if_there, on_database, with_database
from receiver.cli.options import account_option, as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.errors import ImpossibleError
from receiver.health import doctor
from receiver.logs import clock, printable
from receiver.settings import Settings
from receiver.web.body import BODY_BYTES

FILE_BYTES = 4 * BODY_BYTES  # a body of the most that is accepted, in small chunks, and a long head


@click.command(
    epilog=examples(
        "receiver diagnose --last",
        "receiver diagnose request.txt",
        "receiver diagnose request.txt --account big-show --json",
        "receiver diagnose - < request.txt",
    )
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--last", is_flag=True, help="The last refused deliveries, at most 20, instead of FILE; newest first.")
@account_option
@as_json
@click.pass_context
def diagnose(ctx: click.Context, file: Path | None, *, last: bool, as_json: bool) -> None:
    """Say why the request in FILE is refused, which its sender never hears.

    FILE is the request as it was captured: header lines, an empty line, and the body, byte for byte. Of the lines
    before the body only headers are read. The web processes keep the last refused deliveries whose signature has the
    right form: --last says it of each.

    The signature is tried with every secret that is or was known here, and with what proxies, editors and scripts
    usually make of a body. --account says to whose webhook the request in FILE came. It came when FILE was written, as
    far as the command can tell.

    The exit status is 0 if the request would be accepted, and 1 if not; with --last it is 0. Nothing is sent, stored
    or changed.
    """
    if (file is None) is not last:
        raise click.UsageError("give either FILE or --last")
    configured = configure()
    if file is None:
        _tell_last(with_database(configured, lambda db: doctor.of_last(db, configured)), as_json=as_json)
        return
    found = _of_file(configured, file)
    if as_json:
        print_json(found.to_json())
    else:
        click.echo(printable(f"{found.cause}: {found.finding.said}"))
    ctx.exit(0 if found.cause == "well" else 1)


def _of_file(configured: Settings, file: Path) -> doctor.Diagnosis:
    request, came = _request(file)
    with database_if_there(configured) as url:
        if url is None:
            click.echo("there is no database: only the secrets of the settings are tried", err=True)
            candidates = run(doctor.gather(None, configured, configured.chosen.id, came=came))
        else:
            candidates = on_database(url, lambda db: doctor.gather(db, configured, configured.chosen.id, came=came))
    found = doctor.examine(request, candidates, now=came, past=doctor.past(configured))
    if found.cause == "clock":
        written = clock(datetime.fromtimestamp(came, UTC))
        click.echo(f"taken for the time when it came: {written}, when {file} was written; `cp -p` keeps it", err=True)
    return found


def _tell_last(found: Sequence[doctor.Refused], *, as_json: bool) -> None:
    if as_json:
        print_json([capture.to_json() | {"diagnosis": diagnosis.to_json()} for capture, diagnosis in found])
        return
    if not found:
        click.echo("no delivery was refused whose signature has the right form", err=True)
    for capture, diagnosis in found:
        said = f"{clock(capture.at)}  {capture.whence}  {diagnosis.cause}: {diagnosis.finding.said}"
        click.echo(printable(said))


def _request(file: Path) -> tuple[doctor.Captured, float]:
    """Return the request in a file, and when the file was written.

    Raises:
        ImpossibleError: it is no request, or larger than any that is accepted.
    """
    with click.open_file(str(file), "rb") as opened:
        content = opened.read(FILE_BYTES + 1)
    came = time.time() if str(file) == "-" else file.stat().st_mtime
    if len(content) > FILE_BYTES:
        raise ImpossibleError(f"{file} has more than {FILE_BYTES:,} bytes: it must be one request alone")
    request = doctor.captured(content)
    if len(request.body) > BODY_BYTES:
        raise ImpossibleError(
            f"the body has {len(request.body):,} bytes: the receiver accepts at most {BODY_BYTES:,}, and answers 413"
        )
    return request, came
