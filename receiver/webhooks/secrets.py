"""Which secrets verify a delivery now.

    at the webhook's path    those of the settings, then every registered one that is not retired, newest first
    at a callback's path     that callback's own, which proves deliveries about its transcription alone

What a registered secret has verified so far, and when it can go, is another question: see `rotation`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from receiver.database import Database, query
from receiver.settings import FOR_THE_SANDBOX, Settings


@dataclass(frozen=True, slots=True)
class Callback:
    """A transcription's own secret, which proves deliveries about that transcription alone."""

    secret: bytes = field(repr=False)
    transcription_id: str


@dataclass(frozen=True, slots=True)
class Known:
    """What was read: the webhook's secrets, newest first, and callbacks by their tokens."""

    webhook: tuple[bytes, ...] = field(default=(), repr=False)
    callbacks: Mapping[str, Callback] = field(default_factory=dict, repr=False)


async def read(db: Database, api_url: str, tokens: Collection[str] = ()) -> Known:
    """Return the secrets that the database knows for deliveries of an API, in one statement.

    Of the callbacks these are the newest 1,000, which are enough to remember for an outage, and those with `tokens`:
    however many there are, a reading costs the same. No delivery comes later than a week after its submission.
    """
    rows = await db.fetch(query("webhooks/verifying_secrets"), api_url, list(tokens))
    return Known(
        tuple(row["secret"].encode() for row in rows if row["token"] is None),
        {row["token"]: Callback(row["secret"].encode(), row["transcription_id"]) for row in rows if row["token"]},
    )


def of_webhook(own: Iterable[bytes], known: Known) -> tuple[bytes, ...]:
    """Return every secret that verifies at the webhook's path, each once: the settings' `own` come first."""
    return tuple(dict.fromkeys((*own, *known.webhook)))


async def verifying(db: Database, configured: Settings) -> tuple[bytes, ...]:
    """Return every secret that verifies at the webhook's path of the configured API."""
    return of_webhook(configured.own_secrets, await read(db, configured.api_url))


def lacking(configured: Settings) -> list[str]:
    """Return the settings without which nothing registers by itself, of those that are not set."""
    needed = {"TRANSCRIBE_API_KEY": configured.api_key, "PUBLIC_URL": configured.public_url}
    return [name for name, value in needed.items() if value is None]


def how_to_know_one(configured: Settings) -> str:
    """Return what to do where no secret is known."""
    names = lacking(configured)
    first = f"set {' and '.join(names)} and run" if names else "run"
    return f"{first} `receiver register`, or set TRANSCRIBE_WEBHOOK_SECRET; {FOR_THE_SANDBOX}"
