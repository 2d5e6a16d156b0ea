"""A delivery as it lies in the spool: the bytes as they were signed, and what they do not tell. Pure."""

import json
from dataclasses import dataclass

from receiver import events
from receiver.inbox import Delivery

FIELDS_BEFORE = 4  # of version 0.4: source, API URL, secret's fingerprint, why it is unreadable


@dataclass(frozen=True, slots=True)
class Spooled:
    """One record.

    It is for the database with that id, or where that was not known for whichever takes it first. An id and no address:
    that changes with a password or a failover.

    What was judged unreadable stays so: why may have to do with where it came to.
    """

    source: str
    api_url: str
    account: str
    secret_fingerprint: str
    callback_for: str | None
    unreadable: str | None
    database: str | None
    raw: bytes

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


def spooled(delivery: Delivery, database: str | None) -> Spooled:
    """Return a delivery as it is spooled for a database, whose id nobody may know yet."""
    content = delivery.content
    return Spooled(
        source=content.source, api_url=delivery.api_url, account=delivery.account,
        secret_fingerprint=delivery.secret_fingerprint, callback_for=delivery.callback_for,
        unreadable=content.reason if isinstance(content, events.Unreadable) else None, database=database,
        raw=content.raw,
    )  # fmt: skip


def read(record: bytes) -> Spooled:
    """Return the delivery in a record.

    Raises:
        ValueError: another version has spooled it.
    """
    line, _, raw = record.partition(b"\n")
    try:
        head = json.loads(line)
        if isinstance(head, list) and len(head) == FIELDS_BEFORE:
            source, api_url, secret, unreadable = head
            return Spooled(source, api_url, "default", secret, None, unreadable, None, raw)
        return Spooled(
            head["source"], head["api_url"], head["account"], head["secret"], head["callback_for"], head["unreadable"],
            head["database"], raw,
        )  # fmt: skip
    except (LookupError, TypeError, RecursionError) as exc:
        raise ValueError("another version of the receiver has spooled it") from exc
