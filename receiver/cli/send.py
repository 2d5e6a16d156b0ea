"""`send`: deliver a file as the provider would."""

import json
import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx

from receiver import egress, registration, signature
from receiver.cli.running import as_json, configure, examples, print_json, run, webhook_url, with_database
from receiver.errors import ImpossibleError
from receiver.sandbox import EXAMPLE_ID
from receiver.settings import WEBHOOK_PATH, Settings
from receiver.web import address


@click.command(
    epilog=examples("receiver send event.json", "receiver send --sample completed", "receiver send - < event.json")
)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--sample", type=click.Choice(["completed", "failed", "test"]), help="Send a made-up event instead.")
@click.option("--url", callback=webhook_url, help="The receiver; by default the one at HOST and PORT.")
@as_json
@click.pass_context
def send(ctx: click.Context, file: Path | None, sample: str | None, url: str | None, *, as_json: bool) -> None:
    """Sign FILE with the known secret and deliver it to the running receiver, byte for byte."""
    if (file is None) == (sample is None):
        raise click.UsageError("give either FILE or --sample")
    configured = configure()
    if file is not None:
        with click.open_file(str(file), "rb") as opened:
            body = opened.read()
    else:
        body = json.dumps(_sample(str(sample))).encode()
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
    if configured.webhook_secrets:
        return configured.webhook_secrets[0].get_secret_value().encode()
    known = with_database(configured, lambda db: registration.known_secrets(db, configured.api_url))
    if not known:
        todo = registration.how_to_know_a_secret(configured)
        raise ImpossibleError(f"no secret is known for {configured.api_url}: {todo}")
    return known[0]


def _sample(kind: str) -> dict[str, Any]:
    event: dict[str, Any] = {"id": f"evt_sample_{secrets.token_hex(6)}", "created": int(time.time())}
    if kind == "test":
        return event | {"event": "webhook.test", "data": {"message": "This is a test."}}
    transcription = {
        "id": EXAMPLE_ID,
        "status": kind,
        "stage": kind,
        "pipeline_code": "qwen3-asr-flash-filetrans",
        "language": "auto",
        "source": "upload",
        "title": "podcast.mp3",
        "duration_seconds": 60,
        "billed_seconds": 60,
        "charge_usd": 0.03,
        "completed_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if kind == "failed":
        transcription |= {"charge_usd": 0, "error": "The media could not be decoded."}
    return event | {"event": f"transcription.{kind}", "data": {"transcription": transcription}}
