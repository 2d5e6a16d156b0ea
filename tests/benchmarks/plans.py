"""What the statements read with 1,000,000 events and 3,000,000 jobs: `python -m tests.benchmarks.plans [EVENTS]`.

For each statement, under its generic plan: the rows and the pages that it read, its milliseconds, and whether that is
more than it may. The database stands in a folder in memory, about 2 GB for 1,000,000 events.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from receiver import database
from receiver.database import migrations
from receiver.database.data_folder import server_user
from receiver.database.embedded import attach, binaries, wait_until_stopped
from receiver.testing import Server, memory
from tests.database import plans

EVENTS = 1_000_000


def main(events: int) -> bool:
    """Fill a database, read, and print; return whether every statement reads little."""
    with tempfile.TemporaryDirectory(dir=memory(), prefix="receiver-plans-") as folder:
        place = Path(folder) / "data"
        Path(folder).chmod(0o755)
        with attach(place, create=True) as url:
            server = Server(url, binaries.find(place, server_user()))
            is_well = asyncio.run(measured(server.create("plans"), events))
        wait_until_stopped(place)
    return is_well


async def measured(url: str, events: int) -> bool:
    """Print a line for each statement; return whether every one reads little."""
    connection = await database.connect(url)
    await migrations.migrate(connection)
    await plans.fill(connection, events)
    texts, is_well = plans.statements(), True
    say(f"{'statement':<36}{'rows':>8}{'pages':>8}{'ms':>9}")
    for name, looked in plans.LOOKED.items():
        await plans.read(connection, looked, texts[name], "force_generic_plan")  # so that its pages are in memory
        found = await plans.read(connection, looked, texts[name], "force_generic_plan")
        wrong = plans.wrong(looked, found)
        say(f"{name:<36}{found.rows:>8}{found.pages:>8}{found.milliseconds:>9.2f}  {wrong}")
        is_well = is_well and not wrong
    await connection.close()
    return is_well


def say(line: str) -> None:
    """Print a line now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(0 if main(int(sys.argv[1]) if sys.argv[1:] else EVENTS) else 1)
