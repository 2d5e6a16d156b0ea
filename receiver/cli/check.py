"""`check`: one line for each check, with what to do if it fails."""

import click

from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.health import hold, report, survey
from receiver.logs import printable

NAME_WIDTH = 14


@click.command(epilog=examples("receiver check", "receiver check --json"))
@as_json
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> None:
    """Show what is wrong, and what to do.

    Checks settings, database, schema, handlers, jobs, and the secret and the provider of each account. The exit
    status is 1 if something is wrong.
    """
    configured = configure()
    with survey.subjects(configured) as subjects:
        findings = run(survey.survey(configured, subjects))
    if as_json:
        print_json(report(findings))
    else:
        width = max(NAME_WIDTH, *(len(finding.name) for finding in findings))
        for finding in findings:
            click.echo(f"{finding.sign}  {finding.name:<{width}} {printable(finding.said)}")
    ctx.exit(0 if hold(findings) else 1)
