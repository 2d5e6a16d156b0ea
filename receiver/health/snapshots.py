"""Check who keeps old rows from being cleaned up: then every claim passes more of them, and the database grows.

PostgreSQL cleans up a row that was changed or deleted once no snapshot can see it any more. One old snapshot anywhere
is enough to keep them all: of a session that is idle in a transaction, of a dump, of a prepared transaction, of a
standby, or of a replication slot that nobody reads.
"""

from dataclasses import dataclass
from datetime import timedelta

from receiver.database import Connection, Database, query
from receiver.health.finding import Finding

LONG = timedelta(minutes=5)
SHOWN = 5


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds an old snapshot.

    Attributes:
        kind: `session`, `standby`, `prepared` (a transaction) or `slot`.
        name: the server process of a session or standby; the quoted name of a prepared transaction or slot.
        role: whose it is; None for a slot.
        application: what a session or standby calls itself.
        doing: the state of a session; `active` for a slot that is read. None if it is hidden from our role.
        ago: how long it has been held; None if nobody can say.
        transactions: how many transactions have begun since.
    """

    kind: str
    name: str
    role: str | None
    application: str | None
    doing: str | None
    ago: timedelta | None
    transactions: int

    @property
    def seen(self) -> str:
        """Who it is and how long it has held its snapshot, in words."""
        what = {"prepared": "the prepared transaction", "slot": "the replication slot"}.get(
            self.kind, f"the {self.kind}"
        )
        about = [self.application, self.role and f"role {self.role}", self.doing]
        whose = ", ".join(filter(None, about))
        since = f"{self.transactions} transactions"
        if self.ago is not None:
            since = f"{self.ago.total_seconds():.0f} s"
        elif self.kind == "session":
            since = f"{since} (our role may not see since when: grant pg_read_all_stats to it)"
        return f"{what} {self.name}{f' ({whose})' if whose else ''} for {since}"

    @property
    def todo(self) -> str:
        """What to do about it, in words."""
        match self.kind:
            case "prepared":
                return f"ask whoever prepared it, or `rollback prepared {self.name}`"
            case "slot" if self.doing is None:
                return f"if its reader is gone, `select pg_drop_replication_slot({self.name})`"
            case "slot" | "standby":
                return "end the long queries on that standby, or switch off its hot_standby_feedback"
        return f"wait for its end, or end it: `select pg_terminate_backend({self.name})`"


async def old(
    connection: Connection, *, longer_than: timedelta = LONG, transactions: int = 1000, without_time: int = 100_000
) -> Finding:
    """Check whether a snapshot is held for too long.

    Args:
        connection: a connection to the database. A role without rights sees less, and is told.
        longer_than: how long a snapshot can be held.
        transactions: how many transactions must have begun since. Before that an old snapshot keeps little.
        without_time: the same for one of which nobody can say how long it has been held.
    """
    rows = await connection.fetch(query("health/old_snapshots"), longer_than, transactions, without_time, SHOWN)
    return finding([Holder(**dict(row)) for row in rows])


def advice(found: Finding) -> list[Finding]:
    """Report as advice that a snapshot is held for too long. Anyone can read this, so it does not say by whom."""
    if found.holds:
        return []
    seen = "one is held for long, so old rows cannot be cleaned up"
    return [Finding("old snapshots", holds=True, seen=seen, todo="`receiver check` says by whom")]


async def holders(db: Database) -> list[Holder]:
    """Return those who hold a snapshot now, those who have kept the most transactions first."""
    rows = await db.fetch(query("health/old_snapshots"), timedelta(0), 0, 0, SHOWN)
    return [Holder(**dict(row)) for row in rows]


def finding(holders: list[Holder]) -> Finding:
    """Return the finding about those who hold an old snapshot."""
    if not holders:
        return Finding("old snapshots", holds=True, seen="none is held for long")
    seen = f"old rows cannot be cleaned up, and claims become slower: held by {'; '.join(one.seen for one in holders)}"
    return Finding("old snapshots", holds=False, seen=seen, todo="; ".join(dict.fromkeys(one.todo for one in holders)))
