"""A delivery as it lies in the spool: the bytes as they were signed, and what they do not tell. Pure."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from receiver import events
from receiver.inbox.deliveries import Delivery

# What a head of version 0.4 held, and what it did not.
FIELDS_BEFORE = ("source", "api_url", "secret", "unreadable")
UNKNOWN_BEFORE = {"account": "default", "callback_for": None, "database": None}


@dataclass(frozen=True, slots=True)
class Spooled:
    """One record.

    It is for the database with that id, and not with that address: that changes with a failover. Where the id was not
    known yet it is for the database at that address, of which it holds a fingerprint.

    What was judged unreadable stays so: why may have to do with where it came to.
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

    def is_for(self, database: str | None, address: str | None) -> bool:
        """Whether it is for the database with that id, which is at that address.

        What names neither, as of version 0.4, is for whichever takes it first.
        """
        return self.address in (None, address) if self.database is None else self.database == database

    def to_bytes(self) -> bytes:
        """Return it as one record: a line of JSON, then the body."""
        head = {
            "source": self.source,
            "api_url": self.api_url,
            "account": self.account,
            "secret": self.secret_fingerprint,
            "callback_for": self.callback_for,
            "unreadable": self.unreadable,
            "database": self.database,
            "address": self.address,
        }
        return json.dumps(head).encode() + b"\n" + self.raw

    def delivery(self) -> Delivery:
        """Return the delivery that was spooled, wanted by nobody yet."""
        content = (
            events.read(self.source, self.raw)
            if self.unreadable is None
            else events.unreadable(self.source, self.raw, self.unreadable)
        )
        return Delivery(
            content, self.api_url, self.secret_fingerprint, account=self.account, callback_for=self.callback_for
        )


def spooled(delivery: Delivery, database: str | None, address: str | None) -> Spooled:
    """Return a delivery as it is spooled for a database at an address, whose id nobody may know yet."""
    content = delivery.content
    return Spooled(
        source=content.source, api_url=delivery.api_url, account=delivery.account,
        secret_fingerprint=delivery.secret_fingerprint, callback_for=delivery.callback_for,
        unreadable=content.reason if isinstance(content, events.Unreadable) else None,
        database=database, address=address, raw=content.raw,
    )  # fmt: skip


def read(record: bytes) -> Spooled:
    """Return the delivery in a record.

    Raises:
        ValueError: another version has spooled it.
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
            address=_known(head.get("address")), raw=raw,
        )  # fmt: skip
    except (LookupError, TypeError, ValueError, RecursionError) as exc:
        raise ValueError("another version of the receiver has spooled it") from exc


def foreign(records: Iterable[bytes], database: str, address: str | None) -> int:
    """Return how many of these records are for another database than that with this id, which is at that address."""
    return sum(_is_foreign(record, database, address) for record in records)


def _is_foreign(record: bytes, database: str, address: str | None) -> bool:
    try:
        return not read(record).is_for(database, address)
    except ValueError:  # the drain puts it aside
        return False


def waits_for(record: bytes, here: str | None) -> str:
    """Return in words which database a record waits for; `here` is the address of the configured one."""
    try:
        one = read(record)
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


def _text(value: object) -> str:
    """Return a text that the database can take.

    Raises:
        TypeError, ValueError: it is something else.
    """
    if not isinstance(value, str):
        raise TypeError(f"no text: {type(value).__name__}")
    if b"\0" in value.encode():
        raise ValueError("a text with a zero in it")
    return value


def _known(value: object) -> str | None:
    return None if value is None else _text(value)
