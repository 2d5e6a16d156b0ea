"""`spool`: what waits there, and what to do with what is for another database."""

from collections import Counter

import click

from receiver import migrations, registry
from receiver.cli.running import as_json, configure, examples, open_database, open_spool, print_json, run
from receiver.database import Connections
from receiver.errors import ImpossibleError
from receiver.health import checks
from receiver.settings import Settings
from receiver.spool import Condition, Spool
from receiver.web import spooled
from receiver.web.remembered import fingerprint
from receiver.web.store import Store


@click.command(epilog=examples("receiver spool", "receiver spool --take-over", "receiver spool --json | jq .waiting"))
@click.option(
    "--take-over", is_flag=True, help="Store in this database what was spooled for another one, which is gone."
)
@as_json
def spool(*, take_over: bool, as_json: bool) -> None:
    """Show the deliveries that wait in the spool, for which database, and the files put aside."""
    configured = configure()
    here = open_spool(configured)
    _look(here)
    taken = _take_over(configured) if take_over else 0
    url = configured.database_url
    address = None if url is None else fingerprint(url.get_secret_value())
    waiting = Counter(_name(record, address) for record in here.records())
    found = _look(here)
    if as_json:
        print_json({
            "folder": str(found.path), "taken": taken, "waiting": dict(waiting), "refused": found.refused,
            "damaged": found.damaged, "unknown": found.unknown,
        })  # fmt: skip
        return
    if take_over:
        click.echo(f"stored {taken} deliveries in this database")
    click.echo(f"folder   {found.path}")
    for name, count in waiting.items() or {"nothing": 0}.items():
        click.echo(f"waiting  {count} for {name}" if count else "waiting  nothing")
    click.echo(f"aside    {found.refused} refused, {found.damaged} damaged files, {found.unknown} of another version")


def _look(here: Spool) -> Condition:
    found = here.look()
    if found.trouble is not None:
        raise ImpossibleError(f"the spool {found.path}: {found.trouble}; RECEIVER_SPOOL_DIR names the folder")
    return found


def _name(record: bytes, here: str | None) -> str:
    try:
        one = spooled.read(record)
    except ValueError as exc:
        return f"nobody: {exc}"
    if one.database is not None:
        return f"database {one.database}"
    if one.address is None:
        return "whichever database drains it first"
    whose = {None: "a database", one.address: "this DATABASE_URL's database"}.get(
        here, "another DATABASE_URL's database"
    )
    return f"{whose}, which had not answered yet"


def _take_over(configured: Settings) -> int:
    handlers = registry.load(configured.handlers)

    async def main(url: str) -> int:
        connections = Connections(url)
        store = Store(
            connections=connections, spool=open_spool(configured), database=None,
            handlers=handlers, api_url=configured.api_url, stored=lambda: None, takes_over=True,
        )  # fmt: skip
        try:
            await connections.run(migrations.require, seconds=checks.SECONDS)
            return await store.bring_in()
        finally:
            await store.close()
            connections.close()

    with open_database(configured, create=False) as url:
        return run(main(url))
