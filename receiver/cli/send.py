"""`send`: deliver a file as the provider would."""

import json
import time
from pathlib import Path
from typing import get_args

import click
import httpx

from receiver import signature
from receiver.cli.opening import with_database
from receiver.cli.options import as_json, examples, webhook_url
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.errors import ImpossibleError
from receiver.providers import egress
from receiver.sandbox.announcements import Kind, announcement
from receiver.server import address
from receiver.settings import WEBHOOK_PATH, Settings
from receiver.webhooks import secrets


@click.command(
    epilog=examples("receiver send event.json", "receiver send --sample completed", "receiver send - < event.json")
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--sample", type=click.Choice(get_args(Kind)), help="Send a made-up event of this kind instead.")
@click.option("--url", callback=webhook_url, help="The receiver's address; by default HOST and PORT.")
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
    target = url or address(configured.host, configured.port) + WEBHOOK_PATH
    header = signature.sign(body, secret=_known_secret(configured), at=int(time.time()))
    try:
        answer = run(_post(target, body, header))
    except egress.SettingError as exc:
        raise ImpossibleError(str(exc)) from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ImpossibleError(
            f"{target} does not answer ({egress.why(exc)}): run `receiver up`, set PORT to its port, or pass --url"
        ) from exc
    text = answer.text.strip()
    if as_json:
        print_json({"url": target, "status": answer.status_code, "answer": text, "body": body.decode(errors="replace")})
    else:
        click.echo(f"{answer.status_code} {text}")
    ctx.exit(0 if answer.is_success else 1)


async def _post(target: str, body: bytes, header: str) -> httpx.Response:
    async with egress.client(timeout=15) as http:
        return await http.post(target, content=body, headers={"X-Transcribe-Signature": header})


def _known_secret(configured: Settings) -> bytes:
    # The settings come first: a secret in the settings needs no database.
    known = configured.own_secrets or with_database(configured, lambda db: secrets.verifying(db, configured))
    if not known:
        raise secrets.none_known(configured)
    return known[0]
