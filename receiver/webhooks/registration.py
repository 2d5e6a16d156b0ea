"""Register at the provider so that a crash at any moment loses no secret.

    lock ▶ intent row with its Idempotency-Key ▶ POST /webhooks ▶ secret into that row ▶ tell the web processes

The signing secret is shown once. Asked again with the same key within 24 hours the provider repeats its first answer,
so whoever finds an unanswered intent asks again with the intent's key and gets the secret that was lost on the way.
A registration belongs to (API URL, fingerprint of the key, callback URL).
"""

import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg

from receiver import signature
from receiver.database import Connection, Database, query, session_lock
from receiver.errors import ImpossibleError, InvalidRequest, NotFound, ProviderError, ProviderUnavailable, RateLimited
from receiver.failpoints import Failpoint, reach
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import WebhookAnswer
from receiver.settings import Account, addresses

log = logging.getLogger(__name__)

CHANNEL = "receiver_secrets"
LOCK = 7_301_845_520_141_990_002
KEY_LIVES = timedelta(hours=24)
CONFLICT = 409  # the client has asked again for a while already, so this is no request still under way
ADVICE_ON_CONFLICT = (
    "; one webhook for each key: `receiver register --rotate --delete-first` deletes it and registers anew "
    "(what finishes in between is not delivered), or delete it in the provider's dashboard"
)
ADVICE_ON_SILENCE = ": `receiver test-event` tries it, `receiver register --rotate` registers anew"
ABOUT_A_WEBHOOK = re.compile(r"(?<!/)webhook", re.IGNORECASE)  # and not about the path of a request


@dataclass(frozen=True, slots=True)
class Registration:
    """A webhook that the provider knows, or an intent to make it know one; or one that it has deleted (`is_gone`)."""

    id: int
    webhook_url: str
    idempotency_key: str
    age: timedelta
    registered_at: datetime | None
    secret_fingerprint: str | None
    is_gone: bool


async def find(db: Database, whose: Account) -> list[Registration]:
    """Return an account's registrations and open intents, newest first."""
    rows = await db.fetch(query("webhooks/find_registrations"), whose.api_url, whose.key_fingerprint)
    return [_registration(row) for row in rows]


def current(found: Sequence[Registration]) -> Registration | None:
    """Return the newest registration among an account's: the provider keeps one webhook for each key."""
    return next((one for one in found if one.registered_at is not None and not one.is_gone), None)


def unanswered(found: Sequence[Registration]) -> Registration | None:
    """Return the intent that is newer than the registration: the provider may sign with a secret that was lost."""
    newest = found[0] if found else None
    return newest if newest is not None and newest.registered_at is None else None


async def webhook_of(provider: TranscribeSo) -> WebhookAnswer | None:
    """Return the webhook that the provider has for the key; None where it says that it has none.

    The question is not in the reference. A 404 may mean that there is no such endpoint, so only one that speaks of a
    webhook says that there is none.

    Raises:
        InvalidRequest: it does not tell.
        ProviderError: it cannot be asked now.
    """
    try:
        return await provider.get_webhook()
    except NotFound as exc:
        if ABOUT_A_WEBHOOK.search(f"{exc.code} {exc.message}"):
            return None
        raise


async def register_if_needed(connection: Connection, provider: TranscribeSo, whose: Account, webhook_url: str) -> str:
    """Register where this account has no webhook, or none any more; returns what was done, in a sentence.

    What delivers somewhere else is left alone, or two that share a key would take it from each other at every start:
    a person decides. A changed `PUBLIC_URL` is only said.

    Raises:
        ImpossibleError: the provider delivers somewhere else by now; or see `register`, as for the others.
    """
    return await register(connection, provider, whose, webhook_url, take_over=False)


async def register(
    connection: Connection, provider: TranscribeSo, whose: Account, webhook_url: str, *,
    anew: bool = False, delete_first: bool = False, take_over: bool = True,
) -> str:  # fmt: skip
    """Make sure that the provider delivers to `webhook_url` and that its secret is stored; says what was done.

    Args:
        connection: one of its own; it holds a session lock while the provider is asked.
        provider: the API to ask.
        whose: the account that is registered.
        webhook_url: where the provider shall deliver.
        anew: register even where there is a registration. The secrets known so far stay active, because deliveries
            signed with them may be on their way.
        delete_first: let the provider forget the webhook that it has, for when it refuses a second one.
        take_over: register also where there is a registration and the provider delivers to another address.

    Raises:
        BusyError: another process is registering.
        ImpossibleError: the provider refuses, or has a webhook whose secret it will not tell again.
        ProviderError: it cannot be asked now; the intent stays and the next try repeats it.
    """
    async with session_lock(connection, LOCK):
        found = await find(connection, whose)
        known = None if anew else _usable(found, webhook_url)
        if known and (said := await _settled(connection, provider, whose, known, webhook_url, take_over=take_over)):
            return said
        asked = await _asked(connection, found, webhook_url, give_up=delete_first)
        intent = asked or await _intend(connection, whose, webhook_url)
        if delete_first:
            await _delete(connection, provider, whose)
            reach(Failpoint.MID_ROTATION)
        fingerprint = await _ask(connection, provider, intent, asked_before=asked is not None)
    return f"registered {webhook_url} (secret with fingerprint {fingerprint}){_about_others(found, fingerprint)}"


async def forget(connection: Connection, api_url: str) -> None:
    """Retire every registration and intent of an API that remembers none of them: the sandbox, started again."""
    rows = await connection.fetch(query("webhooks/unretired_registrations"), api_url)
    await connection.execute(query("webhooks/retire_registrations"), [row["id"] for row in rows], CHANNEL)


def _usable(found: Sequence[Registration], webhook_url: str) -> Registration | None:
    """Return the current registration; None where a later one for `webhook_url` was not answered."""
    known = current(found)
    is_here = known is not None and addresses.same(known.webhook_url, webhook_url)
    return None if is_here and unanswered(found) else known


async def _asked(
    connection: Connection, found: Sequence[Registration], webhook_url: str, *, give_up: bool
) -> Registration | None:
    """Return the newest intent that may still bring its secret, and retire those that may not: all, to `give_up`."""
    intents = [one for one in found if one.registered_at is None and addresses.same(one.webhook_url, webhook_url)]
    hopeful = [] if give_up else [one for one in intents if one.age < KEY_LIVES]
    for lost in intents:
        if lost not in hopeful:  # what it would bring is forgotten at the provider by now, or will be before we ask
            await connection.execute(query("webhooks/retire_registrations"), [lost.id], CHANNEL)
            log.warning("an attempt to register %s that was not answered counts as lost", webhook_url)
    return next(iter(hopeful), None)


async def _intend(connection: Connection, whose: Account, webhook_url: str) -> Registration:
    """Write down, before the provider is asked, under which key it will be."""
    key = f"register-{secrets.token_hex(16)}"
    row = await connection.fetchrow(
        query("webhooks/intend_registration"), whose.api_url, whose.key_fingerprint, webhook_url, key
    )
    assert row is not None, "an insert returns its row"
    return _registration(row)


def _about_others(found: Sequence[Registration], fingerprint: str) -> str:
    active = [one.secret_fingerprint for one in found if one.secret_fingerprint is not None]
    others = [name for name in dict.fromkeys(active) if name != fingerprint]
    if fingerprint in active:
        return "; the provider gave the same secret again, so nothing has been rotated"
    if not others:
        return ""
    return f"; still active, until `receiver retire-secret`: {', '.join(others)}"


async def _settled(
    connection: Connection, provider: TranscribeSo, whose: Account, known: Registration, webhook_url: str, *,
    take_over: bool,
) -> str | None:  # fmt: skip
    """Return why a registration that is known will do; None where `webhook_url` is to be registered all the same.

    Raises:
        ImpossibleError: the provider delivers to another address, which is not to be taken over.
    """
    is_ours = addresses.same(known.webhook_url, webhook_url)
    if take_over and not is_ours:
        return None
    said = f"already registered for {webhook_url} (secret with fingerprint {known.secret_fingerprint})"
    if not is_ours:
        said = f"registered for {known.webhook_url}, not for {webhook_url}; to change that run `receiver register`"
    try:
        webhook = await webhook_of(provider)
    except InvalidRequest:
        return f"{said}; the provider does not tell whether it still has it{ADVICE_ON_SILENCE}" if is_ours else said
    except ProviderError as exc:
        if take_over and not isinstance(exc, ProviderUnavailable | RateLimited):
            raise
        return f"{said}; whether the provider still has it cannot be asked now: {exc}"
    if webhook is None:
        log.warning("the provider has no webhook of this key any more")
        await connection.execute(query("webhooks/registrations_gone"), whose.api_url, whose.key_fingerprint)
        return None
    if not is_ours or webhook.url is None or addresses.same(webhook.url, webhook_url):
        return said
    if take_over:
        return None
    raise ImpossibleError(
        f"the provider delivers to {webhook.url}, not to {webhook_url}: `receiver register` lets it deliver here"
    )


async def _delete(connection: Connection, provider: TranscribeSo, whose: Account) -> None:
    try:
        await provider.delete_webhook()
        # Its secret verifies on, but nothing new comes: whoever registers next must not take it for the webhook.
        await connection.execute(query("webhooks/registrations_gone"), whose.api_url, whose.key_fingerprint)
    except NotFound:
        log.info("the provider has no webhook to delete, or no way to do it")
    except InvalidRequest as exc:
        raise ImpossibleError(
            f"the provider does not let a webhook be deleted through its API ({exc}): delete it in its dashboard, "
            f"then run `receiver register --rotate`"
        ) from exc


async def _ask(connection: Connection, provider: TranscribeSo, intent: Registration, *, asked_before: bool) -> str:
    """Ask the provider and store the secret before anything else happens; returns its fingerprint."""
    try:
        webhook = await provider.register_webhook(
            intent.webhook_url, idempotency_key=intent.idempotency_key, asked_before=asked_before
        )
    except ProviderError as exc:
        if _may_have_been_done(exc, asked_before=asked_before):
            raise
        # A refusal is repeated to its key for a day; the next try needs a new one.
        await connection.execute(query("webhooks/retire_registrations"), [intent.id], CHANNEL)
        if isinstance(exc, RateLimited):
            raise
        advice = ADVICE_ON_CONFLICT if exc.status == CONFLICT else ""
        raise ImpossibleError(f"the provider refuses to register {intent.webhook_url}: {exc}{advice}") from exc
    reach(Failpoint.MID_REGISTRATION)
    if not webhook.secret:
        await connection.execute(query("webhooks/retire_registrations"), [intent.id], CHANNEL)
        raise ImpossibleError(
            "the provider has a webhook for this key and does not tell its secret again: nothing has changed. "
            f"Set TRANSCRIBE_WEBHOOK_SECRET to its secret if you have it{ADVICE_ON_CONFLICT}"
        )
    await connection.execute(
        query("webhooks/complete_registration"), intent.id, str(webhook.id), webhook.secret, CHANNEL
    )
    return signature.fingerprint(webhook.secret.encode())


def _may_have_been_done(error: ProviderError, *, asked_before: bool) -> bool:
    """Whether the secret may be lost on the way, so that only the same key can bring it."""
    if isinstance(error, InvalidRequest) or error.status == CONFLICT:
        return False
    # Money, the rate limit or the key stopped this request; an earlier one may have been carried out.
    return asked_before or isinstance(error, ProviderUnavailable)


def _registration(row: asyncpg.Record) -> Registration:
    secret = row["secret"]
    return Registration(
        id=row["id"],
        webhook_url=row["webhook_url"],
        idempotency_key=row["idempotency_key"],
        age=row["age"],
        registered_at=row["registered_at"],
        secret_fingerprint=None if secret is None else signature.fingerprint(secret.encode()),
        is_gone=row["gone_at"] is not None,
    )
