"""How much a registered secret is used, and when it can be retired.

    register --rotate ▶ two secrets verify ▶ nothing is signed with the old one ▶ retire-secret

The provider signs a delivery when it first sends it, and sends it again for at most 15 h 36 min. So a replaced secret
that has verified nothing for a day will never verify anything again.

The module `secrets` reads which secrets verify. This module reads more about each registration: its account, its age,
whether the provider has deleted it, and which registration replaced it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from receiver import signature
from receiver.database import Database, query
from receiver.errors import ImpossibleError
from receiver.events import AccountId
from receiver.inbox import jobs
from receiver.settings import Account, Settings
from receiver.webhooks.registration import CHANNEL
from receiver.webhooks.secrets import none_known

SILENT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Use:
    """How many events a secret has verified, and when one of them was last delivered (signed with any secret).

    The events are counted up to `jobs.COUNTED` only, because a count reads what it counts.
    """

    events: int = 0
    last_matched: datetime | None = None


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that verifies: a registered one, or one of the settings, which can never be retired.

    Attributes:
        fingerprint: the name of the secret, which itself is never shown.
        webhook_url: the address that it was registered for; None for one of the settings.
        since: when it was registered; None for one of the settings.
        replaced_at: when a later registration replaced it; None while the provider signs with it.
        events: how many events it has verified, counted up to `jobs.COUNTED`.
        last_matched: when one of those events was last delivered.
        quiet_for: how long it has verified nothing, since it was replaced; zero while the provider signs with it.
        registrations: the rows that hold it.
    """

    fingerprint: str
    webhook_url: str | None
    since: datetime | None
    replaced_at: datetime | None
    events: int
    last_matched: datetime | None
    quiet_for: timedelta = timedelta(0)
    registrations: tuple[int, ...] = ()

    @property
    def events_counted(self) -> str:
        """`events` in words."""
        return jobs.counted(self.events)

    @property
    def silence(self) -> str:
        """`quiet_for` in words."""
        minutes = int(self.quiet_for.total_seconds() // 60)
        return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h"  # noqa: PLR2004 - of an hour

    @property
    def can_go(self) -> bool:
        """Whether no delivery signed with this secret can still be on its way."""
        return self.quiet_for > SILENT

    def advice(self, account: Account) -> str:
        """Return what to do with a secret of an account that was replaced."""
        retire = f"retire it: `receiver retire-secret {self.fingerprint}{account.option}`"
        return retire if self.can_go else "keep it for now"

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `secrets --json` prints."""
        return {
            "fingerprint": self.fingerprint,
            "webhook_url": self.webhook_url,
            "since": _text(self.since),
            "replaced_at": _text(self.replaced_at),
            "events": self.events,
            "last_matched": _text(self.last_matched),
            "can_go": self.can_go,
        }


async def listed(db: Database, configured: Settings, *, must_exist: bool) -> list[Secret]:
    """Return the secrets that verify deliveries to the chosen account's webhook, in the order of `known`.

    Raises:
        ImpossibleError: none is known, although one `must_exist`.
    """
    found = await known(db, configured.chosen)
    if must_exist and not found:
        raise none_known(configured)
    return found


async def known(db: Database, account: Account) -> list[Secret]:
    """Return the secrets that verify deliveries to an account's webhook.

    These are the registered ones, newest first, then those of the settings. The provider signs with the newest secret
    of the configured key; if that key has none, with the newest of all.
    """
    own = [signature.fingerprint(secret) for secret in account.own_secrets]
    used = await _use(db, account.id, own)
    return await _registered(db, account) + [_of_the_settings(name, used) for name in own]


async def _registered(db: Database, account: Account) -> list[Secret]:
    found_rows = await db.fetch(query("webhooks/unretired_registrations"), *account.id)
    rows = [row for row in found_rows if row["secret"] is not None]
    alive = [row for row in rows if row["gone_at"] is None]
    ours = [row for row in alive if row["key_fingerprint"] == account.key_fingerprint]
    signing = next(iter(ours or alive), None)
    found: dict[str, list[asyncpg.Record]] = {}
    replaced: dict[str, datetime] = {}
    for number, row in enumerate(rows):
        name = signature.fingerprint(row["secret"].encode())
        if name not in found and row is not signing:
            replaced[name] = row["gone_at"] or rows[max(number - 1, 0)]["registered_at"]
        found.setdefault(name, []).append(row)
    used = await _use(db, account.id, list(found))
    return [_secret(name, group, replaced.get(name), used.get(name, Use())) for name, group in found.items()]


async def _use(db: Database, account: AccountId, fingerprints: Sequence[str]) -> dict[str, Use]:
    """Return the use of each of some secrets that has verified events of an account, by the secret's fingerprint."""
    rows = await db.fetch(query("webhooks/verified_events"), *account, fingerprints, jobs.COUNTED)
    return {row["fingerprint"]: Use(row["events"], row["last_matched"]) for row in rows}


async def retire(db: Database, account: Account, fingerprint: str, *, although_used: bool) -> None:
    """Retire a registered secret of an account, so that it verifies nothing any more.

    Raises:
        ImpossibleError: no secret has this fingerprint, the provider signs with it, or (unless `although_used`) it has
            not been silent for a day.
    """
    fingerprint = fingerprint.strip()
    registered = await _registered(db, account)
    secret = next((each for each in registered if each.fingerprint == fingerprint), None)
    if secret is None:
        raise ImpossibleError(
            f"no registered secret of {account.api_url} is called {fingerprint}; "
            f"`receiver secrets{account.option}` lists them"
        )
    if secret.replaced_at is None:
        raise ImpossibleError(
            f"{fingerprint} is the secret that the provider signs with: "
            f"run `receiver register --rotate{account.option}` first"
        )
    if not secret.can_go and not although_used:
        raise ImpossibleError(
            f"{fingerprint} has been silent for only {secret.silence}, and the provider might still repeat "
            f"deliveries signed with it: wait until 24 h have passed, or insist on it",
            code="in_use",
        )
    await db.execute(query("webhooks/retire_registrations"), list(secret.registrations), CHANNEL)


def _of_the_settings(name: str, used: Mapping[str, Use]) -> Secret:
    its = used.get(name, Use())
    return Secret(
        name, webhook_url=None, since=None, replaced_at=None, events=its.events, last_matched=its.last_matched
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


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
