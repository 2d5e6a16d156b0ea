"""The secrets that verify a delivery now.

    at the webhook's path    the secrets in the settings, then the registered ones that are not retired, newest first
    at a callback's path     the secret of that callback, which proves deliveries about its transcription only

The module `rotation` knows what a secret has verified so far, and when it can be retired.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from receiver.database import Database, query
from receiver.errors import ImpossibleError
from receiver.settings import FOR_THE_SANDBOX, Settings


@dataclass(frozen=True, slots=True)
class Callback:
    """The secret of one transcription's callback. It proves deliveries about that transcription only."""

    secret: bytes = field(repr=False)
    transcription_id: str


@dataclass(frozen=True, slots=True)
class Known:
    """The secrets that were read: the webhook's, newest first, and those of callbacks, by their tokens."""

    webhook: tuple[bytes, ...] = field(default=(), repr=False)
    callbacks: Mapping[str, Callback] = field(default_factory=dict, repr=False)


async def read(db: Database, api_url: str, tokens: Collection[str] = ()) -> Known:
    """Return the secrets that the database has for deliveries of an API.

    The callbacks are the newest 1,000 (enough for an outage) and those with `tokens`. So the cost of a reading does not
    depend on the number of callbacks. Callbacks older than a week are left out: no delivery comes so late.
    """
    rows = await db.fetch(query("webhooks/verifying_secrets"), api_url, list(tokens))
    return Known(
        tuple(row["secret"].encode() for row in rows if row["token"] is None),
        {row["token"]: Callback(row["secret"].encode(), row["transcription_id"]) for row in rows if row["token"]},
    )


def of_webhook(own: Iterable[bytes], known: Known) -> tuple[bytes, ...]:
    """Return the secrets that verify at the webhook's path, each once. `own`, those of the settings, come first."""
    return tuple(dict.fromkeys((*own, *known.webhook)))


async def verifying(db: Database, configured: Settings) -> tuple[bytes, ...]:
    """Return the secrets that verify at the webhook's path of the configured API."""
    return of_webhook(configured.chosen.own_secrets, await read(db, configured.chosen.api_url))


def lacking(configured: Settings) -> list[str]:
    """Return the names of the missing settings without which the webhook is not registered automatically."""
    needed = {"TRANSCRIBE_API_KEY": configured.chosen.key, "PUBLIC_URL": configured.public_url}
    return [name for name, value in needed.items() if value is None]


def none_known(configured: Settings) -> ImpossibleError:
    """Return the error for what needs a secret when no secret is known."""
    return ImpossibleError(f"no secret is known for {configured.chosen.api_url}: {how_to_know_one(configured)}")


def how_to_know_one(configured: Settings) -> str:
    """Return advice for when no secret is known."""
    names = lacking(configured)
    first = f"set {' and '.join(names)} and run" if names else "run"
    return f"{first} `receiver register`, or set TRANSCRIBE_WEBHOOK_SECRET; {FOR_THE_SANDBOX}"
