"""Look one event up by a name that a person gave."""

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from receiver.database import Database, query
from receiver.errors import ImpossibleError
from receiver.events import DEFAULT_ACCOUNT, SUBMISSION, AccountId
from receiver.inbox import attempts, listing
from receiver.inbox.attempts import Attempt
from receiver.inbox.jobs import idempotency_key
from receiver.inbox.listing import Stored, StoredJob
from receiver.logs import clock, printable
from receiver.logs.redaction import without_queries_in

SENT = frozenset({"webhook", "callback"})  # the origins of events whose bodies came signed
CHOICES = 20  # named in an error at most


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery of an event.

    Attributes:
        number: 1 is the first one.
        at: when it came, by the clock of the database or of the machine that spooled it.
        how: `stored`, which is the first one's, `repeat`, or `spooled`.
        seconds_off: how far behind that machine's time the time of its signature was; None if that is not known.
        secret_fingerprint: of the secret that proved it; empty if we wrote it ourselves.
    """

    number: int
    at: datetime
    how: str
    seconds_off: float | None
    secret_fingerprint: str

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `show --json` prints."""
        return {
            "number": self.number,
            "at": self.at.isoformat(),
            "how": self.how,
            "seconds_off": self.seconds_off,
            "secret": self.secret_fingerprint,
        }


@dataclass(frozen=True, slots=True)
class Drop:
    """Who dropped a job (user@host), when, and why, if that was said."""

    job: int
    dropped_at: datetime
    dropped_by: str
    reason: str | None

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `show --json` prints."""
        return {"at": self.dropped_at.isoformat(), "by": self.dropped_by, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Whole:
    """An event with all that is kept of it.

    Attributes:
        event: the event, with its jobs.
        delivered: its deliveries that are kept one by one; the others are only counted.
        attempts: the attempts at its jobs that have ended.
        variants: the quarantined deliveries with its identity and other bytes.
        raw: its body, byte for byte as it was signed; empty if it is pruned, or was not read.
        drops: of its jobs that are dropped.
        late: the webhooks that came after it for the same announcement.
    """

    event: Stored
    delivered: tuple[Delivered, ...]
    attempts: tuple[Attempt, ...]
    variants: tuple[Stored, ...]
    raw: bytes
    drops: tuple[Drop, ...] = ()
    late: tuple[Stored, ...] = ()

    @property
    def is_ours(self) -> bool:
        """Whether we wrote its body, about a submission or what a provider's list says; a provider sent the others."""
        return self.event.origin not in SENT

    @property
    def safe_body(self) -> bytes:
        """Its body, byte for byte as it was signed; of one that is ours, with shortened addresses.

        User, password and query of a recording's address can be all that is needed to fetch it.
        """
        if not self.is_ours or not self.raw:
            return self.raw
        body = json.loads(self.raw)
        known = [told["recording"]] if (told := (body.get("data") or {}).get("submission")) else []
        return json.dumps(without_queries_in(body, *known), ensure_ascii=False).encode(errors="backslashreplace")

    def attempts_at(self, job: StoredJob) -> list[Attempt]:
        """Return the attempts at one of the event's jobs that have ended, the first one first."""
        return [one for one in self.attempts if one.job == job.id]

    def drop_of(self, job: StoredJob) -> Drop | None:
        """Return who dropped one of the event's jobs; None if it is not dropped."""
        return next((one for one in self.drops if one.job == job.id), None)

    def idempotency_key(self, job: StoredJob) -> str:
        """Return what one of the event's jobs gives to other services, so that they do nothing twice."""
        event = self.event
        account = AccountId(event.source, event.api_url, event.account)
        return idempotency_key(account, event.id, event.transcription_id, job.handler, job.kept_key)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `show --json` prints."""
        jobs = [
            job.to_json()
            | {"idempotency_key": self.idempotency_key(job)}
            | {"attempts": [one.to_json() for one in self.attempts_at(job)]}
            | ({} if (drop := self.drop_of(job)) is None else {"dropped": drop.to_json()})
            for job in self.event.jobs
        ]
        return self.event.to_json() | {
            "delivered": [delivery.to_json() for delivery in self.delivered],
            "jobs": jobs,
            "variants": [variant.id for variant in self.variants],
            "late": [late.id for late in self.late],
            "raw": base64.b64encode(self.raw).decode("ascii"),
            "pruned_at": None if self.event.pruned_at is None else self.event.pruned_at.isoformat(),
        }


async def one(db: Database, name: str) -> Stored:
    """Return the event that a name means: its id, source/id, @key, or the id of its transcription or its submission.

    Raises:
        ImpossibleError: it means no event, or several.
    """
    name = name.strip()
    if not name:
        raise ImpossibleError("EVENT is empty; `receiver events` lists them")
    found = await listing.find(db, name)
    if not found:
        raise ImpossibleError(f"there is no event {name}; `receiver events` lists them")
    # A webhook that came late has no jobs: what was made in its place has them.
    keys = {event.key for event in found}
    found = [event for event in found if event.same_as not in keys]
    # A submission has the same id as the transcription that it brings.
    found = [event for event in found if (event.id, event.type) == (name, SUBMISSION)] or found
    if len(found) > 1:
        choices = ", ".join(map(_choice, found[:CHOICES]))
        more = f" and {len(found) - CHOICES} more" if len(found) > CHOICES else ""
        raise ImpossibleError(f"{name} means several events: say which of {choices}{more}")
    return found[0]


async def with_jobs(db: Database, event: Stored) -> Stored:
    """Return the event that has an event's jobs: itself, or that which a webhook came too late for.

    Raises:
        ImpossibleError: it is not stored any more.
    """
    return event if event.same_as is None else await one(db, f"@{event.same_as}")


async def whole(db: Database, name: str, *, with_body: bool = True) -> Whole:
    """Return the event that a name means, with all that is kept of it: its body only `with_body`.

    Raises:
        ImpossibleError: it means no event, or several.
    """
    event = await one(db, name)
    rows = await db.fetch(query("inbox/list_deliveries"), event.key)
    return Whole(
        event,
        tuple(Delivered(**dict(row)) for row in rows),
        tuple(await attempts.of_event(db, event.key)),
        tuple(await listing.variants(db, event)),
        await listing.raw(db, event.key) if with_body and event.pruned_at is None else b"",
        tuple(Drop(**dict(row)) for row in await db.fetch(query("inbox/list_drops"), event.key)),
        tuple(await listing.late(db, event)),
    )


def _choice(event: Stored) -> str:
    """Return an event's key, and what people tell it from others by."""
    about = "" if event.transcription_id is None else f" about {event.transcription_id}"
    title = "" if event.title is None else f" “{printable(event.title)}”"
    account = "" if event.account == DEFAULT_ACCOUNT else f", account {event.account}"
    what = f"{event.type or event.state} {event.source}/{event.id}{about}{title} of {event.api_url}{account}"
    return f"@{event.key} ({what}, received {clock(event.received_at)})"
