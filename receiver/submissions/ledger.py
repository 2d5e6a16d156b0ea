"""Write into the ledger what was charged: `receiver.charges`, one row for each thing that was paid for.

    submissions      with the move that tells it, in `move_submission`
    regenerations    with the intent and its end, in `providers.regenerations`
    `retry`          with the provider's answer
    all others       from the events of their ends, which this organ of the workers reads by id; those that come out
                     of quarantine later stand on a list, `receiver.uncharged`

The organ also counts the events that it passes, by source, type and origin, in `receiver.totals`: each once, whoever
has stored it and whoever is killed. And once a minute it adds up there what was charged.

Nobody adds to the way of a delivery. What a provider says in an event is the truth, whatever was said before. An event
is read after all transactions that could commit a lower id. One that is read twice changes nothing.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg

from receiver.database import AWAY, TROUBLE, Connection, Pool, query
from receiver.events import AccountId, moment, text_or_none
from receiver.logs.seldom import Seldom
from receiver.providers import TranscribeSo, lax
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.submissions.records import storable

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0
COUNTED = 1000  # events at once
MOST_TYPES = 200
BETWEEN_SECONDS = 0.1  # while there is more to read
SETTLED_AFTER = timedelta(seconds=3)
AT_ONCE = 250  # events, whose bodies are in memory together
FAILED = "transcription.failed"
MOST_CHARGED = 1e9


@dataclass(frozen=True, slots=True)
class Ledger:
    """Reads events. One process at a time does, and the others find it taken."""

    db: Pool

    async def watch(self) -> None:
        """Read what has come, until cancelled. While the database is away, nothing is read."""
        said = Seldom.warning(log, "the ledger cannot be written now")
        while True:
            has_more = False
            try:
                has_more = await self.read(SETTLED_AFTER)
            except AWAY as exc:
                said.note(str(exc))
            try:
                await self.count()
            except TROUBLE as exc:  # the ledger is worth more than what is told of it
                said.note(f"nothing is counted: {exc}")
            await asyncio.sleep(BETWEEN_SECONDS if has_more else EVERY_SECONDS)

    async def count(self, *, at_once: int = COUNTED, most: int = MOST_TYPES) -> None:
        """Count the events that were read, and add up once a minute what was charged: for metrics alone."""
        while await self.db.fetchval(query("submissions/count_events"), at_once, most) == at_once:
            pass
        await self.db.execute(query("submissions/total_charges"))

    async def read(self, settled_after: timedelta) -> bool:
        """Read a few events, and return whether there are more that can be read now.

        Args:
            settled_after: how long ago an event must have been marked as the newest.
        """
        async with self.db.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(query("submissions/lock_ledger"), settled_after)
            if row is None:
                return False
            for event in await connection.fetch(query("submissions/take_uncharged"), AT_ONCE):
                await _charge(connection, event)
            last, mark = row["last_event"], row["mark_event"]
            if mark is None:
                await connection.execute(query("submissions/mark_ledger"))
                return False
            if not row["is_settled"]:
                return False
            up_to = min(mark, last + AT_ONCE)
            for event in await connection.fetch(query("submissions/events_to_charge"), last, up_to):
                await _charge(connection, event)
            await connection.execute(query("submissions/advance_ledger"), max(last, up_to))
            return bool(up_to < mark)


async def started_again(
    db: Pool, whose: AccountId, failed: TranscriptionStatus, answer: TranscriptionStatus
) -> None:  # fmt: skip
    """Write down that a failed transcription was started again, and what the run that failed was charged.

    Its next end is another one, even if nobody tells its time.

    If that fails, it is only logged: the event of the end will tell it, and nothing undoes what is paid for.
    """
    about = *whose, str(failed.id)
    pipeline, title, ended = (
        storable(answer.pipeline_code or failed.pipeline_code),
        storable(failed.title),
        failed.ended,
    )
    has_failed = True
    try:
        async with db.acquire() as connection, connection.transaction():
            if ended is not None:
                await connection.execute(
                    query("submissions/charge_end"), *about, ended, ended, failed.charge_usd, pipeline, title, None,
                    has_failed,
                )  # fmt: skip
            await connection.execute(query("submissions/charge_retry"), *about, answer.retail_usd, pipeline, title)
            await connection.execute(query("submissions/note_restart"), *about, storable(answer.status))
    except (*AWAY, asyncpg.PostgresError) as exc:
        log.warning("that %s was started again was not written down: %s", failed.id, exc)


async def _charge(connection: Connection, event: asyncpg.Record) -> None:
    """Write what an event tells. One that is refused for its own sake stops nobody."""
    try:
        async with connection.transaction():
            told = lax.json_object(event["raw"])
            submission = _object(_object(told.get("data")).get("submission")).get("id")
            if isinstance(submission, str):
                await connection.execute(query("submissions/charge_submission"), submission)
            if told and event["source"] == TranscribeSo.name and event["transcription_id"] is not None:
                await _charge_end(connection, event, told)
    except asyncpg.DataError as exc:
        log.warning("event %d is not in the ledger: %s", event["id"], exc)


async def _charge_end(connection: Connection, event: asyncpg.Record, told: Mapping[str, Any]) -> None:
    # A webhook has it in its data. What was found in the provider's list is the item itself.
    fields = _object(_object(told["data"]).get("transcription")) if "data" in told else told
    await connection.execute(
        query("submissions/charge_end"), event["source"], event["api_url"], event["account"],
        event["transcription_id"], moment(text_or_none(fields.get("completed_at"))), event["received_at"],
        _amount(fields.get("charge_usd")), storable(text_or_none(fields.get("pipeline_code"))),
        event["title"], event["id"], event["type"] == FAILED,
    )  # fmt: skip


def _amount(value: object) -> float | None:
    """Return an amount that can be one; nobody is charged a billion."""
    found = lax.number(value)
    return found if found is not None and abs(found) < MOST_CHARGED else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
