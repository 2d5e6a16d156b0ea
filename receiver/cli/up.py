"""`up`: everything on one machine, with one command, told in plain words."""

import asyncio
import os
import secrets
import sys
from contextlib import suppress

import click
import httpx
from pydantic import SecretStr

from receiver import database, inbox, migrations, registration, registry, settings
from receiver.cli.children import Child
from receiver.cli.running import configure, examples, open_database, run, stop_event
from receiver.cli.send import reachable
from receiver.cli.story import Story
from receiver.database import Pool
from receiver.errors import CommandError, StartupError
from receiver.providers import Recording, TranscribeSo
from receiver.settings import WEBHOOK_PATH, Settings
from receiver.web import bind

SANDBOX_KEY = "tsk_test_sandbox"
SAMPLE_URL = "https://youtu.be/dQw4w9WgXcQ"
SAMPLE_PIPELINE = "qwen3-asr-flash-filetrans"
STARTING_SECONDS = 30.0
WEB_ENDS_SECONDS = 20.0


@click.command(
    epilog=examples("receiver up --sandbox", "receiver up", "PORT=8080 receiver up --sandbox --sandbox-port 9100")
)
@click.option("--sandbox", is_flag=True, help="Run a simulated provider too and send a sample through everything.")
@click.option(
    "--sandbox-port", type=click.IntRange(1, 65535), default=9000, show_default=True, help="Where it listens."
)
def up(*, sandbox: bool, sandbox_port: int) -> None:
    """Run the web server and a worker, migrating first, and tell what happens. Ctrl-C ends it."""
    configured = configure()
    registry.load(configured.handlers)  # a mistake in a handler is said here, once, instead of by every process
    bind(configured.host, configured.port).close()
    if sandbox:
        bind("127.0.0.1", sandbox_port, advice="pass another --sandbox-port").close()
    sandbox_url = f"http://127.0.0.1:{sandbox_port}" if sandbox else None
    with open_database(configured, create=True) as url:
        run(_up(configured, url, sandbox_url))


async def _up(configured: Settings, url: str, sandbox_url: str | None) -> None:
    stop = stop_event()
    async with database.pool(url, size=2) as db:
        async with db.acquire() as connection:
            await migrations.migrate(connection)
        click.echo(f"data   {_place(configured)}")
        environment = dict(os.environ)
        children: list[Child] = []
        try:
            if sandbox_url is not None:
                environment = await _start_sandbox(configured, url, db, sandbox_url, children)
            for name in ("serve", "work"):
                child = Child(name, environment=environment, vital=name != "work")
                children.append(child)
                await child.start()
            await _run(configured, db, children, sandbox_url, stop)
        finally:
            click.echo("ending: what is under way is finished first")
            longest = max(WEB_ENDS_SECONDS, configured.shutdown_seconds + 10)
            await asyncio.gather(*(child.end(longest) for child in children if child.name != "sandbox"))
            await asyncio.gather(*(child.end(longest) for child in children))


async def _run(
    configured: Settings, db: Pool, children: list[Child], sandbox_url: str | None, stop: asyncio.Event
) -> None:
    story = Story(await inbox.newest_key(db))
    keeping = [asyncio.create_task(child.keep()) for child in children]
    stopping = asyncio.create_task(stop.wait())
    opening = asyncio.create_task(_open(configured, sandbox_url))
    telling = asyncio.create_task(story.tell(db))
    try:
        waiting = {stopping, opening, telling, *keeping}
        while not stop.is_set():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what a child could not do
    finally:
        for task in (*keeping, stopping, opening, telling):
            task.cancel()
        await asyncio.gather(*keeping, stopping, opening, telling, return_exceptions=True)


async def _open(configured: Settings, sandbox_url: str | None) -> None:
    """Say where we listen once we do, and send the sample on its way."""
    here = f"http://{reachable(configured.host)}:{configured.port}"
    await _answers(f"{here}/healthz")
    click.echo(f"web    listening on {here}{WEBHOOK_PATH}")
    if sandbox_url is None:
        if not configured.webhook_secrets and (configured.api_key is None or configured.public_url is None):
            click.echo(
                "web    deliveries need a secret: set TRANSCRIBE_API_KEY and PUBLIC_URL; `receiver check` says more"
            )
        return
    async with TranscribeSo(sandbox_url, SecretStr(SANDBOX_KEY)) as provider:
        sample = await provider.transcribe(
            Recording(source="youtube", url=SAMPLE_URL, pipeline_code=SAMPLE_PIPELINE),
            idempotency_key=f"sample-{secrets.token_hex(8)}",
        )
    command = sys.argv[0] if sys.argv[0].endswith("receiver") else "receiver"
    click.echo(f"sample submitted as transcription {sample.id}; when its jobs are done, in another terminal:")
    click.echo(f"         {command} transcript {sample.id}")
    click.echo(f"         {command} timestamps {sample.id} --format youtube")
    click.echo("       for commands that talk to the sandbox (transcribe, check, test-event, …) first:")
    click.echo(f"         export TRANSCRIBE_API_URL={sandbox_url} TRANSCRIBE_API_KEY={SANDBOX_KEY} PUBLIC_URL={here}")


async def _start_sandbox(
    configured: Settings, url: str, db: Pool, sandbox_url: str, children: list[Child]
) -> dict[str, str]:
    """Start the sandbox and register anew, because it remembers nothing; returns the environment of the others."""
    real = [api for api in await inbox.other_apis(db, sandbox_url) if not api.startswith("http://127.0.0.1:")]
    if real:
        raise CommandError(
            f"this database holds events of {real[0]}; the sandbox needs one of its own: "
            f"set RECEIVER_DATA_DIR to a new folder, and no DATABASE_URL"
        )
    child = Child("sandbox", "--port", sandbox_url.rsplit(":", 1)[1], environment=os.environ, vital=True)
    children.append(child)
    await child.start()
    await _answers(f"{sandbox_url}/api/v1/me")
    click.echo(f"sandbox simulates transcribe.so on {sandbox_url}, 60 times as fast")
    here = f"http://{reachable(configured.host)}:{configured.port}{WEBHOOK_PATH}"
    changed = {"TRANSCRIBE_API_URL": sandbox_url, "TRANSCRIBE_API_KEY": SANDBOX_KEY}
    whose = registration.account(settings.load(**changed))
    connection = await database.connect(url)
    try:
        async with TranscribeSo(sandbox_url, SecretStr(SANDBOX_KEY)) as provider:
            await registration.forget(connection, sandbox_url)
            click.echo(await registration.register(connection, provider, whose, here))
    finally:
        await connection.close()
    # Without PUBLIC_URL nobody registers a second time; with a real secret real deliveries would end up here.
    real_ones = ("PUBLIC_URL", "TRANSCRIBE_API_KEY_FILE", "TRANSCRIBE_WEBHOOK_SECRET", "TRANSCRIBE_WEBHOOK_SECRET_FILE")
    kept = {k: v for k, v in os.environ.items() if k not in real_ones}
    return kept | changed


async def _answers(url: str) -> None:
    """Wait until there is any answer.

    Raises:
        StartupError: there is none.
    """
    async with httpx.AsyncClient(trust_env=False) as http:
        for _ in range(int(STARTING_SECONDS / 0.05)):
            with suppress(httpx.HTTPError):
                await http.get(url, timeout=5)
                return
            await asyncio.sleep(0.05)
    raise StartupError(f"{url} does not answer")


def _place(configured: Settings) -> str:
    if configured.database_url is not None:
        return f"in the database at {database.where(configured.database_url.get_secret_value())}"
    return f"in {configured.data_dir.absolute()} (embedded PostgreSQL)"
