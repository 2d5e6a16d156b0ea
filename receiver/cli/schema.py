"""`schema`: what stands in the JSON documents that other programs read."""

import click

from receiver.cli.options import examples
from receiver.cli.printing import print_json
from receiver.web import schemas


@click.command(
    epilog=examples(
        "receiver schema event",
        "receiver schema transcript > transcript.schema.json",
        "receiver schema submission | jq '.properties | keys'",
    )
)
@click.argument("name", type=click.Choice(list(schemas.DOCUMENTS)))
def schema(name: str) -> None:
    """Print the JSON Schema (2020-12) of a document.

    \b
    event       what `forward` sends to other apps
    transcript  what `receiver transcript --format json` prints
    submission  each item that `receiver submissions --json` prints
    """  # noqa: D301 - Click's mark for lines that stay as they are
    print_json(schemas.document(name))
