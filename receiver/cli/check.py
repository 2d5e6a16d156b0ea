"""`check`: one line for each check, with what to do if it fails."""

from collections.abc import Mapping
from contextlib import ExitStack

import click

from receiver.cli.opening import open_database, open_spool
from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.errors import HandlerLoadError, StartupError
from receiver.handling import Handler, discovery
from receiver.health import report
from receiver.health.survey import survey
from receiver.logs import printable
from receiver.settings import Settings


@click.command(epilog=examples("receiver check", "receiver check --json"))
@as_json
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> None:
    """Show what is wrong, and what to do.

    Checks settings, database, schema, handlers, jobs, secret and provider. The exit status is 1 if something is wrong.
    """
    configured = configure()
    database: str | StartupError
    with ExitStack() as stack:
        try:
            database = stack.enter_context(open_database(configured, create=False))
        except StartupError as exc:
            database = exc
        findings = run(survey(configured, database, handlers=_handlers(configured), spool=open_spool(configured)))
    if as_json:
        print_json(report(findings))
    else:
        for finding in findings:
            click.echo(f"{'ok' if finding.holds else '!!'}  {finding.name:<14} {printable(finding.said)}")
    ctx.exit(0 if all(finding.holds for finding in findings) else 1)


def _handlers(configured: Settings) -> Mapping[str, Handler] | HandlerLoadError:
    try:
        return discovery.load(configured.handlers)
    except HandlerLoadError as exc:
        return exc
