"""`check`: one line for each thing that must hold, and what to do where it does not."""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import click
import httpx

from receiver import database, jobs, migrations, registration, registry, signature
from receiver.cli.running import as_json, configure, examples, open_database, open_provider, open_spool, print_json, run
from receiver.database import AWAY, Connection, query
from receiver.errors import (
    ConfigError,
    HandlerLoadError,
    InvalidRequest,
    ProviderError,
    StartupError,
    StoreUnavailableError,
)
from receiver.handling import Handler
from receiver.logs import printable
from receiver.providers import TranscribeSo
from receiver.settings import Settings

OLD = timedelta(minutes=5)
SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line."""

    name: str
    holds: bool
    said: str


@click.command(epilog=examples("receiver check", "receiver check --json"))
@as_json
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> None:
    """Check settings, database, schema, handlers, jobs, secret and provider; exit status 1 where something is wrong."""
    configured = configure()
    handlers, about_handlers = _handlers(configured)
    findings = [_settings(configured), about_handlers]
    with ExitStack() as stack:
        usable = None
        try:
            url = stack.enter_context(open_database(configured, create=False))
            stored = run(_database(configured, url, handlers))
            findings += stored
            usable = url if all(finding.holds for finding in stored if finding.name in ("database", "schema")) else None
        except StartupError as exc:
            findings.append(Finding("database", holds=False, said=str(exc)))
        findings += [_spool(configured), run(_reach(configured)), *run(_provider(configured, usable))]
    if as_json:
        print_json([{"check": f.name, "ok": f.holds, "message": f.said} for f in findings])
    else:
        for finding in findings:
            click.echo(f"{'ok' if finding.holds else '!!'}  {finding.name:<14} {printable(finding.said)}")
    ctx.exit(0 if all(finding.holds for finding in findings) else 1)


def _settings(configured: Settings) -> Finding:
    said = [
        f"API {configured.api_url}",
        "key set" if configured.api_key else "no TRANSCRIBE_API_KEY",
        f"PUBLIC_URL {configured.public_url}" if configured.public_url else "no PUBLIC_URL",
    ]
    return Finding("settings", holds=True, said=", ".join(said))


def _handlers(configured: Settings) -> tuple[Mapping[str, Handler], Finding]:
    try:
        handlers = registry.load(configured.handlers)
    except HandlerLoadError as exc:
        return {}, Finding("handlers", holds=False, said=str(exc))
    return handlers, Finding("handlers", holds=True, said=", ".join(handlers))


async def _database(configured: Settings, url: str, handlers: Mapping[str, Handler]) -> list[Finding]:
    try:
        connection = await asyncio.wait_for(database.connect(url), SECONDS)
    except (*AWAY, ConfigError) as exc:
        said = f"{database.where(url)} does not answer ({type(exc).__name__}): does it run, is DATABASE_URL right?"
        return [Finding("database", holds=False, said=said)]
    try:
        findings = [await _server(connection, url)]
        version, needed = await migrations.current(connection), migrations.latest()
        if version < needed:
            said = f"version {version}, this code needs {needed}: run `receiver migrate`"
            return [*findings, Finding("schema", holds=False, said=said)]
        findings.append(Finding("schema", holds=True, said=f"version {version}"))
        findings += [
            await _orphans(connection, handlers, configured),
            await _oldest(connection, handlers, configured),
            await _dead(connection, configured),
        ]
        return [*findings, await _secret(connection, configured)]
    finally:
        connection.terminate()


def _spool(configured: Settings) -> Finding:
    spool = open_spool(configured)
    holds, said = spool.fill().describe(spool.limit_bytes)
    return Finding("spool", holds=holds, said=said if holds else f"{said}: see {spool.folder} and what the log says")


async def _server(connection: Connection, url: str) -> Finding:
    durable = await connection.fetchrow(query("durability"))
    assert durable is not None
    if not all(durable.values()):
        said = "fsync or full_page_writes is off: what is stored does not survive a crash; switch both on"
        return Finding("database", holds=False, said=said)
    if not await _keeps_session(connection):
        said = "a pooler in transaction mode stands in between, which loses locks and LISTEN: use the direct URL"
        return Finding("database", holds=False, said=said)
    return Finding("database", holds=True, said=f"{database.where(url)}, durable")


async def _keeps_session(connection: Connection) -> bool:
    """Whether two statements reach the same server process, as session locks and LISTEN need."""
    pids = {await connection.fetchval(query("backend_pid")) for _ in range(3)}
    return len(pids) == 1


async def _orphans(connection: Connection, handlers: Mapping[str, Handler], configured: Settings) -> Finding:
    if not handlers:
        return Finding("orphaned jobs", holds=True, said="not known without handlers")
    names = await jobs.orphaned(connection, list(handlers), configured.api_url)
    if names:
        said = f"jobs wait for handlers that do not exist: {', '.join(names)}; bring the names back, or leave them"
        return Finding("orphaned jobs", holds=False, said=said)
    return Finding("orphaned jobs", holds=True, said="none")


async def _dead(connection: Connection, configured: Settings) -> Finding:
    dead, elsewhere = await jobs.counts(connection, configured.api_url)
    more = f"; {elsewhere} unfinished jobs belong to another API than {configured.api_url}" if elsewhere else ""
    if dead:
        return Finding("dead jobs", holds=False, said=f"{dead}: see `receiver jobs --dead`, then replay{more}")
    return Finding("dead jobs", holds=True, said=f"none{more}")


async def _oldest(connection: Connection, handlers: Mapping[str, Handler], configured: Settings) -> Finding:
    age = await jobs.oldest_due(connection, list(handlers), configured.api_url)
    if age is not None and age > OLD:
        said = f"waiting for {age.total_seconds():.0f} s: run `receiver work`, or more of it"
        return Finding("oldest due job", holds=False, said=said)
    return Finding("oldest due job", holds=True, said="none waits" if age is None else f"{age.total_seconds():.0f} s")


async def _secret(connection: Connection, configured: Settings) -> Finding:
    registered = await registration.known_secrets(connection, configured.api_url)
    own = [secret.get_secret_value().encode() for secret in configured.webhook_secrets]
    known = list(dict.fromkeys([*own, *registered]))
    if configured.api_key is not None and configured.callback_url is not None:
        found = await registration.find(connection, registration.account(configured))
        if registration.unanswered(found) is not None:
            said = "a registration was not answered, so its secret may be lost on the way: run `receiver register`"
            return Finding("secret", holds=False, said=said)
        newest = registration.current(found)
        if newest is not None and newest.callback_url != configured.callback_url:
            said = f"registered for {newest.callback_url}, not for {configured.callback_url}: run `receiver register`"
            return Finding("secret", holds=False, said=said)
    if not known:
        said = (
            f"none is known for {configured.api_url}: set TRANSCRIBE_API_KEY and PUBLIC_URL and run "
            f"`receiver register`, or set TRANSCRIBE_WEBHOOK_SECRET; for the sandbox, export what `up --sandbox` says"
        )
        return Finding("secret", holds=False, said=said)
    return Finding("secret", holds=True, said=f"known: {', '.join(map(signature.fingerprint, known))}")


async def _reach(configured: Settings) -> Finding:
    """Whether somebody answers where the provider delivers."""
    if configured.public_url is None:
        return Finding("reachable", holds=True, said="not known without PUBLIC_URL")
    try:
        async with httpx.AsyncClient(timeout=SECONDS) as http:
            answer = await http.get(f"{configured.public_url}/readyz")
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        said = f"{configured.public_url} does not answer ({type(exc).__name__}): run `receiver up`, see to the tunnel"
        return Finding("reachable", holds=False, said=said)
    lines = answer.text.splitlines()[:20]
    if not any(line.startswith("failures: ") for line in lines):
        said = f"{configured.public_url}/readyz answers {answer.status_code}: something else than a receiver is there"
        return Finding("reachable", holds=False, said=said)
    wrong = [line for line in lines if ": NOT OK, " in line]
    if wrong:
        return Finding(
            "reachable", holds=False, said=f"a receiver answers at {configured.public_url}: {'; '.join(wrong)}"
        )
    counted = next(line for line in lines if line.startswith("failures: "))
    return Finding("reachable", holds=True, said=f"a receiver answers at {configured.public_url}, {counted}")


async def _provider(configured: Settings, url: str | None) -> list[Finding]:
    if configured.api_key is None:
        said = "not asked: set TRANSCRIBE_API_KEY, handlers fetch with it"
        return [Finding("provider", holds=False, said=said)]
    try:
        async with open_provider(configured, url, retries=()) as provider:
            await provider.me()
            answers = Finding("provider", holds=True, said=f"{configured.api_url} answers and takes the key")
            return [answers, await _webhook(provider)]
    except (ProviderError, StoreUnavailableError) as exc:
        return [Finding("provider", holds=False, said=str(exc))]


async def _webhook(provider: TranscribeSo) -> Finding:
    """Whether the provider has switched the webhook off, as it does after five failures in a row."""
    try:
        webhook = await provider.get_webhook()
    except InvalidRequest:
        return Finding("webhook", holds=True, said="the provider has none, or does not tell")
    if webhook.enabled is False:
        said = "the provider has switched it off: switch it on again in its dashboard, then `receiver test-event`"
        return Finding("webhook", holds=False, said=said)
    return Finding("webhook", holds=True, said=f"the provider delivers to {webhook.url or 'it'}")
