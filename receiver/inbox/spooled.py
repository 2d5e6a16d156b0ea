"""A delivery as a record of the spool: the signed bytes, and what the bytes do not contain. Pure."""

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from receiver import events
from receiver.events import Event, Unreadable
from receiver.inbox.deliveries import Delivery

# The fields of a record's head in version 0.4, and values for the fields that were added later.
FIELDS_BEFORE = ("source", "api_url", "secret", "unreadable")
UNKNOWN_BEFORE = {"account": "default", "callback_for": None, "database": None}


@dataclass(frozen=True, slots=True)
class Spooled:
    """One record of the spool.

    A record is for the database with the id `database`; an address would change with a failover. If the id was not
    known yet, the record is for the database at `address`, which is a fingerprint.

    `at` (unix seconds) says when it was spooled; None in a record of version 0.7, as is `seconds_off`. `traceparent`
    names the delivery's span; None if it is not traced, as in a record of version 0.9.

    A delivery that was judged unreadable stays unreadable: the reason can depend on the path that received it.
    """

    source: str
    api_url: str
    account: str
    secret_fingerprint: str
    callback_for: str | None
    unreadable: str | None
    database: str | None
    address: str | None
    raw: bytes
    at: float | None = None
    seconds_off: float | None = None
    traceparent: str | None = None

    def is_for(self, database: str | None, address: str | None) -> bool:
        """Return whether the record is for the database with that id, at that address.

        A record that names neither, as in version 0.4, is for the first database that stores it.
        """
        return self.address in (None, address) if self.database is None else self.database == database

    def to_bytes(self) -> bytes:
        """Return the record's bytes: a line of JSON, then the body."""
        head = {
            "source": self.source,
            "api_url": self.api_url,
            "account": self.account,
            "secret": self.secret_fingerprint,
            "callback_for": self.callback_for,
            "unreadable": self.unreadable,
            "database": self.database,
            "address": self.address,
            "at": self.at,
            "seconds_off": self.seconds_off,
            "traceparent": self.traceparent,
        }
        return json.dumps(head).encode() + b"\n" + self.raw

    def delivery(self, reader: Callable[[str, bytes], Event | Unreadable]) -> Delivery:
        """Return the spooled delivery, without handlers yet. `reader` reads the body of a source's delivery."""
        content = (
            reader(self.source, self.raw)
            if self.unreadable is None
            else events.unreadable(self.source, self.raw, self.unreadable)
        )
        return Delivery(
            content, self.api_url, self.secret_fingerprint, account=self.account, callback_for=self.callback_for,
            seconds_off=self.seconds_off, spooled_at=None if self.at is None else datetime.fromtimestamp(self.at, UTC),
            traceparent=self.traceparent,
        )  # fmt: skip


def spooled(delivery: Delivery, database: str | None, address: str | None, *, at: float) -> Spooled:
    """Return the record of a delivery for a database at an address; the id is None if it is not known yet."""
    content = delivery.content
    return Spooled(
        source=content.source, api_url=delivery.api_url, account=delivery.account,
        secret_fingerprint=delivery.secret_fingerprint, callback_for=delivery.callback_for,
        unreadable=content.reason if isinstance(content, Unreadable) else None,
        database=database, address=address, raw=content.raw, at=at, seconds_off=delivery.seconds_off,
        traceparent=delivery.traceparent,
    )  # fmt: skip


def read(record: bytes) -> Spooled:
    """Read a record from its bytes.

    Raises:
        ValueError: another version wrote the record.
    """
    line, _, raw = record.partition(b"\n")
    try:
        head = json.loads(line)
        if isinstance(head, list):
            head = dict(zip(FIELDS_BEFORE, head, strict=True)) | UNKNOWN_BEFORE
        return Spooled(
            source=_text(head["source"]), api_url=_text(head["api_url"]), account=_text(head["account"]),
            secret_fingerprint=_text(head["secret"]), callback_for=_known(head["callback_for"]),
            unreadable=_known(head["unreadable"]), database=_known(head["database"]),
            address=_known(head.get("address")), raw=raw, at=_time(head.get("at")),
            seconds_off=_number(head.get("seconds_off")), traceparent=_known(head.get("traceparent")),
        )  # fmt: skip
    except (LookupError, TypeError, ValueError, OverflowError, OSError, RecursionError) as exc:
        raise ValueError("another version of the receiver has spooled it") from exc


def foreign(records: Iterable[bytes], database: str, address: str | None) -> int:
    """Return how many records are not for the database with this id, at this address."""
    return sum(_is_foreign(record, database, address) for record in records)


def _is_foreign(record: bytes, database: str, address: str | None) -> bool:
    try:
        return not read(record).is_for(database, address)
    except ValueError:  # the drain keeps it aside
        return False


def waits_for(record: bytes, here: str | None) -> str:
    """Return, as text, the database that a record waits for; `here` is the address of the configured database."""
    try:
        entry = read(record)
    except ValueError as exc:
        return f"no database: {exc}"
    if entry.database is not None:
        return f"database {entry.database}"
    if entry.address is None:
        return "whichever database drains it first"
    which = {None: "a database", entry.address: "this DATABASE_URL's database"}.get(
        here, "another DATABASE_URL's database"
    )
    return f"{which}, which had not answered yet"


def _text(value: object) -> str:
    """Return a text that the database can store.

    Raises:
        TypeError, ValueError: the value is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"not a text: {type(value).__name__}")
    if b"\0" in value.encode():
        raise ValueError("a text with a zero in it")
    return value


def _number(value: object) -> float | None:
    """Return a number that the database can store.

    Raises:
        TypeError, ValueError: the value is something else.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"not a number: {type(value).__name__}")
    if not math.isfinite(value):
        raise ValueError("an infinite number")
    return float(value)


def _time(value: object) -> float | None:
    """Return a time (unix seconds) that the database can store.

    Raises:
        TypeError, ValueError, OverflowError: the value is something else.
    """
    at = _number(value)
    if at is not None and at < 0:  # asyncpg takes the first moment of the year 1 for minus infinity
        raise ValueError("a time before 1970")
    if at is not None:
        datetime.fromtimestamp(at, UTC)
    return at


def _known(value: object) -> str | None:
    return None if value is None else _text(value)
