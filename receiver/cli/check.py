"""`check`: one line for each thing that must hold, and what to do where it does not."""

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace

import click
from asyncpg import PostgresError

from receiver import database, outages, registration
from receiver.cli.running import as_json, configure, examples, open_database, open_provider, open_spool, print_json, run
from receiver.database import AWAY, query
from receiver.errors import ConfigError, StartupError, StoreUnavailableError
from receiver.handling import Handler
from receiver.health import Finding, around, checks, report
from receiver.logs import printable
from receiver.settings import Settings
from receiver.web import spooled
from receiver.web.remembered import fingerprint


@click.command(epilog=examples("receiver check", "receiver check --json"))
@as_json
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> None:
    """Check settings, database, schema, handlers, jobs, secret and provider; exit status 1 where something is wrong."""
    configured = configure()
    handlers, about_handlers = checks.load_handlers(configured)
    findings = [checks.settings(configured), about_handlers]
    with ExitStack() as stack:
        usable, name, address = None, None, None
        try:
            url = stack.enter_context(open_database(configured, create=False))
            address = fingerprint(url)
            stored, name = run(_database(configured, url, handlers))
            findings += stored
            usable = url if all(finding.holds for finding in stored if finding.name in ("database", "schema")) else None
        except StartupError as exc:
            findings.append(Finding("database", holds=False, seen=str(exc)))
        findings += [
            _spool(configured, name, address),
            *run(_reachable(configured, usable)),
            *run(_provider(configured, usable)),
        ]
    if as_json:
        print_json(report(findings))
    else:
        for finding in findings:
            click.echo(f"{'ok' if finding.holds else '!!'}  {finding.name:<14} {printable(finding.said)}")
    ctx.exit(0 if all(finding.holds for finding in findings) else 1)


async def _database(
    configured: Settings, url: str, handlers: Mapping[str, Handler]
) -> tuple[list[Finding], str | None]:
    try:
        connection = await database.connect(url, seconds=checks.SECONDS)
    except (StoreUnavailableError, ConfigError) as exc:
        return [Finding("database", holds=False, seen=str(exc))], None
    try:
        findings = await checks.stored(connection, url, configured, handlers)
        is_usable = all(finding.holds for finding in findings if finding.name == "schema")
        return findings, await connection.fetchval(query("database_id")) if is_usable else None
    except (*AWAY, PostgresError) as exc:
        return [Finding("database", holds=False, seen=str(outages.of_work(exc)))], None
    finally:
        connection.terminate()


def _spool(configured: Settings, name: str | None, address: str | None) -> Finding:
    """Look at the spool as the web processes of this machine and user would use it."""
    spool = open_spool(configured)
    trouble = None
    try:
        if configured.spool_dir is not None or spool.folder.configured.parent.exists():
            spool.try_out()
    except OSError as exc:
        trouble = f"in an outage deliveries would be refused: {spool.folder.path} cannot be used ({exc.strerror})"
    foreign = 0 if name is None else sum(_is_foreign(record, name, address) for record in spool.records())
    found = spool.look()
    found = replace(found, trouble=trouble or found.trouble, foreign=foreign)
    return checks.spool(found, database_answers=name is not None)


def _is_foreign(record: bytes, name: str, address: str | None) -> bool:
    try:
        return not spooled.read(record).is_for(name, address)
    except ValueError:  # the drain puts it aside
        return False


async def _reachable(configured: Settings, url: str | None) -> list[Finding]:
    secrets = [secret.get_secret_value().encode() for secret in configured.webhook_secrets]
    if url is not None and not secrets:
        with suppress(*AWAY):  # it has just answered; without a secret the receiver tells less
            connection = await database.connect(url)
            secrets = await registration.known_secrets(connection, configured.api_url)
            await connection.close()
    return await around.reachable(configured, secrets)


async def _provider(configured: Settings, url: str | None) -> list[Finding]:
    if configured.api_key is None:
        todo = "set TRANSCRIBE_API_KEY, handlers fetch with it"
        return [Finding("provider", holds=False, seen="not asked", todo=todo)]
    async with open_provider(configured, url, retries=()) as provider:
        return await around.provider(provider, configured)
