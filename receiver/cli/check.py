"""`check`: one line for each thing that must hold, and what to do where it does not."""

from collections.abc import Mapping
from contextlib import ExitStack, suppress

import click
from asyncpg import PostgresError

from receiver import database, outages, registration
from receiver.cli.running import as_json, configure, examples, open_database, open_provider, open_spool, print_json, run
from receiver.database import AWAY
from receiver.errors import ConfigError, StartupError, StoreUnavailableError
from receiver.handling import Handler
from receiver.health import Finding, checks, report
from receiver.logs import printable
from receiver.settings import Settings


@click.command(epilog=examples("receiver check", "receiver check --json"))
@as_json
@click.pass_context
def check(ctx: click.Context, *, as_json: bool) -> None:
    """Check settings, database, schema, handlers, jobs, secret and provider; exit status 1 where something is wrong."""
    configured = configure()
    handlers, about_handlers = checks.load_handlers(configured)
    findings = [checks.settings(configured), about_handlers]
    with ExitStack() as stack:
        usable = None
        try:
            url = stack.enter_context(open_database(configured, create=False))
            stored = run(_database(configured, url, handlers))
            findings += stored
            usable = url if all(finding.holds for finding in stored if finding.name in ("database", "schema")) else None
        except StartupError as exc:
            findings.append(Finding("database", holds=False, seen=str(exc)))
        findings += [_spool(configured), *run(_reachable(configured, usable)), *run(_provider(configured, usable))]
    if as_json:
        print_json(report(findings))
    else:
        for finding in findings:
            click.echo(f"{'ok' if finding.holds else '!!'}  {finding.name:<14} {printable(finding.said)}")
    ctx.exit(0 if all(finding.holds for finding in findings) else 1)


async def _database(configured: Settings, url: str, handlers: Mapping[str, Handler]) -> list[Finding]:
    try:
        connection = await database.connect(url, seconds=checks.SECONDS)
    except (StoreUnavailableError, ConfigError) as exc:
        return [Finding("database", holds=False, seen=str(exc))]
    try:
        return await checks.stored(connection, url, configured, handlers)
    except (*AWAY, PostgresError) as exc:
        return [Finding("database", holds=False, seen=str(outages.of_work(exc)))]
    finally:
        connection.terminate()


def _spool(configured: Settings) -> Finding:
    spool = open_spool(configured)
    holds, said = spool.fill().describe(spool.limit_bytes)
    return Finding("spool", holds=holds, seen=said, todo="" if holds else f"see {spool.folder} and what the log says")


async def _reachable(configured: Settings, url: str | None) -> list[Finding]:
    secrets = [secret.get_secret_value().encode() for secret in configured.webhook_secrets]
    if url is not None and not secrets:
        with suppress(*AWAY):  # it has just answered; without a secret the receiver tells less
            connection = await database.connect(url)
            secrets = await registration.known_secrets(connection, configured.api_url)
            await connection.close()
    return await checks.reachable(configured, secrets)


async def _provider(configured: Settings, url: str | None) -> list[Finding]:
    if configured.api_key is None:
        todo = "set TRANSCRIBE_API_KEY, handlers fetch with it"
        return [Finding("provider", holds=False, seen="not asked", todo=todo)]
    async with open_provider(configured, url, retries=()) as provider:
        return await checks.provider(provider, configured)
