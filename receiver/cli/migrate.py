"""`migrate`: bring the database's schema up to date. `serve` and `work` only require that."""

import click

from receiver import database
from receiver.cli.options import examples
from receiver.cli.printing import say_done
from receiver.cli.process import configure, run
from receiver.database import migrations
from receiver.database.opening import open_database


@click.command(epilog=examples("receiver migrate", "DATABASE_URL=postgresql://… receiver migrate"))
def migrate() -> None:
    """Bring the database's schema up to this code's version. Safe to repeat, also by several at once."""
    configured = configure()

    async def main(url: str) -> None:
        connection = await database.connect(url)
        try:
            applied = await migrations.migrate(connection)
        finally:
            await connection.close()
        say_done(f"migrated to {applied[-1]}" if applied else "the schema is up to date")

    with open_database(configured, create=True) as url:
        run(main(url))
