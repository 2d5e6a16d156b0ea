"""How long a registered secret has been used, and when it can go.

    register --rotate ▶ two secrets verify ▶ the old one falls silent ▶ retire-secret

A delivery is signed when it is sent, and sent again for at most 15 h 36 min, so a secret that has been replaced and
has verified nothing for a day will verify nothing any more.

Which secrets verify is read by `webhooks.secrets`. This asks more, with a statement of its own: whose a registration is
and since when, whether the provider has forgotten it, and which one came after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from receiver import signature
from receiver.database import Database, query
from receiver.errors import ImpossibleError
from receiver.webhooks.registration import CHANNEL

SILENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Use:
    """What a secret has verified: how many events, and when one of them was delivered last, whatever signed that."""

    events: int = 0
    last_matched: datetime | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """A registered secret that verifies.

    Attributes:
        fingerprint: what it is called; the secret itself is shown nowhere.
        webhook_url: what it was registered for.
        since: when it was registered.
        replaced_at: when a later registration brought another one; None while the provider signs with it.
        events: how many events it has verified.
        last_matched: when one of those was delivered last.
        quiet_for: how long it has verified nothing since it was replaced; zero while the provider signs with it.
        registrations: the rows that hold it.
    """

    fingerprint: str
    webhook_url: str
    since: datetime
    replaced_at: datetime | None
    events: int
    last_matched: datetime | None
    quiet_for: timedelta
    registrations: tuple[int, ...]

    @property
    def silence(self) -> str:
        """For how long it has verified nothing, as a person reads it."""
        minutes = int(self.quiet_for.total_seconds() // 60)
        return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"  # noqa: PLR2004 - of an hour

    @property
    def can_go(self) -> bool:
        """Whether nothing signed with it is still on its way."""
        return self.quiet_for > SILENT


async def known(db: Database, api_url: str, key_fingerprint: str | None) -> list[Secret]:
    """Return the registered secrets of an API, the newest first.

    The one that the provider signs with is the newest of the configured key, or of all where that key has none.
    """
    used = await use(db, api_url)
    rows = [
        row for row in await db.fetch(query("webhooks/unretired_registrations"), api_url) if row["secret"] is not None
    ]
    alive = [row for row in rows if row["gone_at"] is None]
    ours = [row for row in alive if row["key_fingerprint"] == key_fingerprint]
    signing = next(iter(ours or alive), None)
    found: dict[str, list[asyncpg.Record]] = {}
    replaced: dict[str, datetime] = {}
    for number, row in enumerate(rows):
        name = signature.fingerprint(row["secret"].encode())
        if name not in found and row is not signing:
            replaced[name] = row["gone_at"] or rows[max(number - 1, 0)]["registered_at"]
        found.setdefault(name, []).append(row)
    return [_secret(name, group, replaced.get(name), used.get(name, Use())) for name, group in found.items()]


async def use(db: Database, api_url: str) -> dict[str, Use]:
    """Return what each secret, by its fingerprint, has verified of an API's events."""
    rows = await db.fetch(query("webhooks/verified_events"), api_url)
    return {row["fingerprint"]: Use(row["events"], row["last_matched"]) for row in rows}


async def retire(
    db: Database, api_url: str, key_fingerprint: str | None, fingerprint: str, *, although_used: bool
) -> None:
    """Let a secret verify nothing any more.

    Raises:
        ImpossibleError: there is none of this name, the provider signs with it, or it is not silent for long, unless
            `although_used`.
    """
    secret = next((one for one in await known(db, api_url, key_fingerprint) if one.fingerprint == fingerprint), None)
    if secret is None:
        raise ImpossibleError(
            f"no registered secret of {api_url} is called {fingerprint}; `receiver secrets` lists them"
        )
    if secret.replaced_at is None:
        raise ImpossibleError(
            f"{fingerprint} is the secret that the provider signs with: run `receiver register --rotate` first"
        )
    if not secret.can_go and not although_used:
        raise ImpossibleError(
            f"{fingerprint} is silent for {secret.silence} only, and the provider may send again what it signed "
            f"with it: wait until 24 h have passed, or pass --yes"
        )
    await db.execute(query("webhooks/retire_registrations"), list(secret.registrations), CHANNEL)


def _secret(name: str, rows: Sequence[asyncpg.Record], replaced_at: datetime | None, used: Use) -> Secret:
    quiet_since = None if replaced_at is None else max(replaced_at, used.last_matched or replaced_at)
    return Secret(
        fingerprint=name,
        webhook_url=rows[0]["webhook_url"],
        since=rows[-1]["registered_at"],
        replaced_at=replaced_at,
        events=used.events,
        last_matched=used.last_matched,
        quiet_for=timedelta(0) if quiet_since is None else rows[0]["asked_at"] - quiet_since,
        registrations=tuple(row["id"] for row in rows),
    )
