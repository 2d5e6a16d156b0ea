"""`deploy`: print the files to run receiver elsewhere."""

import click

from receiver import deploy as files
from receiver.cli.options import examples


@click.command(
    epilog=examples(
        "receiver deploy container > Containerfile",
        "receiver deploy compose > compose.yaml",
        "receiver deploy systemd > /etc/systemd/system/receiver.service",
    )
)
@click.argument("where", type=click.Choice([*files.FILES]))
def deploy(where: str) -> None:
    """Print a file to run receiver elsewhere: a Containerfile, a compose.yaml or a unit of systemd.

    The first lines of each say what it needs, and what to run.
    """
    click.echo(files.text(where), nl=False)
