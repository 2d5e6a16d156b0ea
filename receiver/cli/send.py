"""`send`: deliver a file as the provider would."""

import json
from pathlib import Path
from typing import get_args

import click

from receiver.cli.opening import with_database
from receiver.cli.options import account_option, as_json, examples, webhook_url
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.sandbox.transcribe_so.announcements import Kind, announcement
from receiver.settings import Settings, addresses, webhook_path
from receiver.webhooks import secrets, sending
from receiver.webhooks.secrets import Known


@click.command(
    epilog=examples("receiver send event.json", "receiver send --sample completed", "receiver send - < event.json")
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--sample", type=click.Choice(get_args(Kind)), help="Send a made-up event of this kind instead.")
@click.option("--url", callback=webhook_url, help="The receiver's address; by default HOST and PORT.")
@account_option
@as_json
@click.pass_context
def send(ctx: click.Context, file: Path | None, sample: Kind | None, url: str | None, *, as_json: bool) -> None:
    """Sign FILE and deliver it to the receiver.

    It is signed with a known secret, and delivered byte for byte to the running receiver.
    """
    if (file is None) == (sample is None):
        raise click.UsageError("give either FILE or --sample")
    configured = configure()
    if sample is not None:
        body = json.dumps(announcement(sample)).encode()
    else:
        with click.open_file(str(file), "rb") as opened:
            body = opened.read()
    target = url or addresses.here(configured.host, configured.port) + webhook_path(configured.chosen.name)
    answer = run(sending.deliver(configured, _known(configured), target, body))
    text = answer.text.strip()
    if as_json:
        print_json({"url": target, "status": answer.status_code, "answer": text, "body": body.decode(errors="replace")})
    else:
        click.echo(f"{answer.status_code} {text}")
    ctx.exit(0 if answer.is_success else 1)


def _known(configured: Settings) -> Known:
    if configured.chosen.own_secrets:  # they come first, and need no database
        return Known()
    return with_database(configured, lambda db: secrets.read(db, [configured.chosen.id]))
