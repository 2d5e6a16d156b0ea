"""Write notices: events about the service itself, which handlers can want by their types. An organ.

    receiver.dead    jobs of a handler have died: at once, then at most once an hour, with how many
    receiver.costs   what an account was charged in USD in a month (UTC) has passed an amount: once

A notice belongs to the account whose jobs and charges it is about. Everything is one transaction: how far the organ is,
what was told, and the notice with its jobs. One process of all writes notices at a time. So a crash tells nothing
twice, and leaves nothing out.

The dead jobs of a notice itself make no other one: it would go on for ever.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg

from receiver import events
from receiver.database import AWAY, Connection, Pool, query
from receiver.events import COSTS_NOTICE, DEAD_NOTICE, AccountId, Event, columns
from receiver.failpoints import Failpoint, reach
from receiver.inbox import deliveries, jobs
from receiver.inbox.causes import cause
from receiver.inbox.deliveries import Delivery

log = logging.getLogger(__name__)

LOOK_SECONDS = 15.0
BETWEEN_SECONDS = 0.1  # while there is more to read
AT_ONCE = 1000  # dead jobs


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long what is waited for.

    Attributes:
        settled_after: how long after its death a job is read at the earliest. A statement that begins to write later
            has been ended by its deadline (`Deadlines`); one that writes is waited for.
        between_dead: the time between two notices about dead jobs of one handler and account.
        between_costs: the time after which costs are added up again.
        at_most: how far the organ looks back after a time in which nobody wanted notices.
    """

    settled_after: timedelta = timedelta(seconds=20)
    between_dead: timedelta = timedelta(hours=1)
    between_costs: timedelta = timedelta(minutes=10)
    at_most: timedelta = timedelta(days=1)


class _Died(NamedTuple):
    """Jobs of a handler for an account that have died: how many, when the first did, and why the last."""

    number: int
    since: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Notices:
    """Writes the notices that handlers want.

    Attributes:
        interested: returns the handlers that want a type of a source.
        thresholds: the amounts in USD that costs can pass.
    """

    db: Pool
    interested: Callable[[str, str], Sequence[str]]
    thresholds: Sequence[Decimal] = ()
    pauses: Pauses = Pauses()

    async def watch(self) -> None:
        """Write notices, until cancelled. While the database is away, none is written."""
        while True:
            has_more = False
            try:
                has_more = await self.look()
            except AWAY as exc:
                log.debug("no notices were written: %s", exc)
            await asyncio.sleep(BETWEEN_SECONDS if has_more else LOOK_SECONDS)

    async def look(self) -> bool:
        """Write the notices that are due, and return whether more jobs have died than were read."""
        pauses = self.pauses
        async with self.db.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                query("worker/lock_noticed"), pauses.between_costs, pauses.at_most, pauses.settled_after
            )
            if row is None:
                return False
            died_at, job, is_first, settled_at, adds_up, added_up_at = row
            adds_up = adds_up and bool(self.thresholds)
            dead = await connection.fetch(query("worker/newly_dead"), died_at, job, settled_at, AT_ONCE)
            found = await self._of_dead(connection, dead)
            if adds_up:
                found += await self._of_costs(connection, added_up_at)
            if found:
                await deliveries.append(connection, found)
            if dead:
                died_at, job = dead[-1]["due_at"], dead[-1]["id"]
            if is_first or dead or adds_up:
                await connection.execute(query("worker/advance_noticed"), died_at, job, adds_up)
            reach(Failpoint.BEFORE_NOTICED)
        reach(Failpoint.AFTER_NOTICED)
        if found:
            await jobs.nudge(self.db)
        return len(dead) == AT_ONCE

    async def _of_dead(self, connection: Connection, dead: Sequence[asyncpg.Record]) -> list[Delivery]:
        died = _grouped(dead)
        if died:
            accounts = columns(account for account, _ in died)
            await connection.execute(
                query("worker/note_dead"), *accounts, DEAD_NOTICE, [handler for _, handler in died],
                [one.number for one in died.values()], [one.since for one in died.values()],
                [one.error for one in died.values()],
            )  # fmt: skip
        if len(dead) == AT_ONCE:  # there are more: they are told together
            return []
        due = await connection.fetch(query("worker/take_dead"), DEAD_NOTICE, self.pauses.between_dead)
        found = []
        for *whose, handler, number, since, error, told_at in due:
            told = {"handler": handler, "jobs": number, "since": since.isoformat(), "error": error}
            name = f"evt_dead_{told_at:%Y%m%dT%H%M%S%f}_{_digest(*whose, handler)}"
            found.append(self._notice(AccountId(*whose), name, DEAD_NOTICE, told_at, {"dead": told}))
        return found

    async def _of_costs(self, connection: Connection, before: datetime) -> list[Delivery]:
        passed = [
            (AccountId(*whose), f"{month} {threshold:f}", month, added_up_at, amount, threshold)
            for *whose, month, added_up_at, amount in await connection.fetch(query("worker/month_costs"), before)
            for threshold in self.thresholds
            if amount >= threshold
        ]
        accounts = columns(account for account, *_ in passed)
        new = await connection.fetch(
            query("worker/note_costs"), *accounts, COSTS_NOTICE, [about for _, about, *_ in passed]
        )
        found = []
        for row in new:
            account, about, month, at, amount, threshold = passed[row["item"] - 1]
            told = {"month": month, "amount": float(amount), "threshold": float(threshold), "unit": "USD"}
            name = f"evt_costs_{about.replace(' ', '_')}_{_digest(*account)}"
            found.append(self._notice(account, name, COSTS_NOTICE, at, {"costs": told}))
        return found

    def _notice(
        self, account: AccountId, event_id: str, event_type: str, at: datetime, data: Mapping[str, Any]
    ) -> Delivery:  # fmt: skip
        envelope = {"id": event_id, "event": event_type, "created": at.timestamp(), "data": data}
        content = events.read_own(account.source, json.dumps(envelope, ensure_ascii=False).encode())
        assert isinstance(content, Event), content.reason
        handlers = tuple(self.interested(event_type, account.source))
        return Delivery(content, account.api_url, "", handlers, account.account, own="notice")


def _digest(*words: str) -> str:
    """Return a short text for what a notice is about. Without it, the notices of two accounts could have one id."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:12]


def _grouped(dead: Sequence[asyncpg.Record]) -> dict[tuple[AccountId, str], _Died]:
    """Return the dead jobs by account and handler, without those of notices; the order is that of the deaths."""
    found: dict[tuple[AccountId, str], _Died] = {}
    for due_at, _, *whose, handler, error, is_of_a_notice in dead:
        if not is_of_a_notice:
            key = AccountId(*whose), handler
            before = found.get(key, _Died(0, due_at, ""))
            found[key] = _Died(before.number + 1, before.since, cause(error))
    return found
