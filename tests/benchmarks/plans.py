"""What the statements read with 1,000,000 events and 3,000,000 jobs: `python -m tests.benchmarks.plans [EVENTS]`.

For each statement, under its generic plan: the rows and the pages that it read, its milliseconds, whether that is more
than it may, and whether it has found the rows that it is to write. The database stands in a folder in memory, about
2 GB for 1,000,000 events.
"""

import asyncio
import sys

from receiver import database
from receiver.database import migrations
from tests.benchmarks.stage import stage
from tests.database import plans

EVENTS = 1_000_000


def main(events: int) -> bool:
    """Fill a database, read, and print; return whether every statement does its work and reads little."""
    with stage(say) as where:
        return asyncio.run(measured(where.database("plans"), events))


async def measured(url: str, events: int) -> bool:
    """Print a line for each statement; return whether every one does its work and reads little."""
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
