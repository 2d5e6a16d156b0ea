"""Register the webhook at the provider. A crash at any moment loses no secret.

    lock ▶ intent row with its Idempotency-Key ▶ POST /webhooks ▶ secret into that row ▶ notify the web processes

The provider shows the signing secret once, but for 24 hours it repeats its first answer to the same key. So a process
that finds an unanswered intent asks again with the intent's key, and gets the lost secret.
A registration belongs to (account, fingerprint of the key, webhook URL).
"""

import hashlib
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import asyncpg

from receiver import signature
from receiver.database import Connection, Database, query, session_lock
from receiver.errors import ImpossibleError, InvalidRequest, NotFound, ProviderError, ProviderUnavailable, RateLimited
from receiver.failpoints import Failpoint, reach
from receiver.providers import TranscribeSo
from receiver.providers.transcribe_so import WebhookAnswer
from receiver.settings import Account, Settings, accounts, addresses, webhook_at
from receiver.webhooks import outcome
from receiver.webhooks.outcome import RegistrationOutcome

log = logging.getLogger(__name__)

CHANNEL = "receiver_secrets"
LOCK = 7_301_845_520_141_990_002  # of the default account; processes of version 0.6 know no other
KEY_LIVES = timedelta(hours=24)
CONFLICT = 409  # not a request that is still running: the client has already waited for that
ABOUT_A_WEBHOOK = re.compile(r"(?<!/)webhook", re.IGNORECASE)  # but not the path /webhooks


@dataclass(frozen=True, slots=True)
class Registration:
    """A webhook that the provider knows, one that it has deleted (`is_gone`), or the intent to register one."""

    id: int
    webhook_url: str
    idempotency_key: str
    age: timedelta
    registered_at: datetime | None
    secret_fingerprint: str | None
    is_gone: bool


async def find(db: Database, account: Account) -> list[Registration]:
    """Return an account's registrations and open intents, newest first."""
    rows = await db.fetch(query("webhooks/find_registrations"), *account.id, account.key_fingerprint)
    return [_registration(row) for row in rows]


def current(found: Sequence[Registration]) -> Registration | None:
    """Return the newest registration of an account: the provider keeps one webhook for each key."""
    return next((each for each in found if each.registered_at is not None and not each.is_gone), None)


def unanswered(found: Sequence[Registration]) -> Registration | None:
    """Return the intent that is newer than all registrations. The provider might sign with a secret that we lost."""
    newest = found[0] if found else None
    return newest if newest is not None and newest.registered_at is None else None


async def webhook_of(provider: TranscribeSo) -> WebhookAnswer | None:
    """Return the webhook that the provider has for the key; None if the provider says that it has none.

    The provider's reference does not list this request. A 404 might mean that there is no such endpoint, so it counts
    as "no webhook" only if its text mentions a webhook.

    Raises:
        InvalidRequest: the provider does not answer such a question.
        ProviderError: the provider cannot be asked now.
    """
    try:
        return await provider.get_webhook()
    except NotFound as exc:
        if ABOUT_A_WEBHOOK.search(f"{exc.code} {exc.message}"):
            return None
        raise


def address(configured: Settings, given: str | None) -> str:
    """Return where the provider should deliver: at `given`, which may leave out our path, else below `PUBLIC_URL`.

    Raises:
        ImpossibleError: neither is known, or `given` is no such address.
    """
    try:
        found = configured.webhook_url if given is None else webhook_at(given, configured.chosen.name)
    except ValueError as exc:
        raise ImpossibleError(f"the webhook's address {exc}") from exc
    if found is None:
        raise ImpossibleError(
            "set PUBLIC_URL to where the provider reaches this receiver, or give its address", code="no_address"
        )
    return found


async def register(
    connection: Connection, provider: TranscribeSo, account: Account, webhook_url: str, *,
    rotate: bool = False, delete_first: bool = False, take_over: bool = True,
) -> RegistrationOutcome:  # fmt: skip
    """Make sure that the provider delivers to `webhook_url` and that the secret is stored. Return what was done.

    Args:
        connection: a connection for this call alone; it holds a session lock while the provider is asked.
        provider: the API to ask.
        account: the account whose webhook is registered.
        webhook_url: where the provider should deliver.
        rotate: register even if a registration exists. The old secrets stay active, because deliveries signed with them
            might be on their way.
        delete_first: delete the provider's webhook before, then register again: some providers refuse a second one.
        take_over: register even if the provider delivers to another address. Otherwise a changed `PUBLIC_URL` is only
            mentioned: two receivers that share a key would take the webhook from each other, so a person decides.

    Raises:
        BusyError: another process is registering.
        ImpossibleError: the provider refuses, does not show the secret of the webhook that it has, or delivers to
            another address now and `take_over` is false.
        ProviderError: the provider cannot be asked now; the intent stays, and the next try repeats it.
    """
    async with session_lock(connection, _lock(account)):
        found = await find(connection, account)
        known = None if rotate or delete_first else _usable(found, webhook_url)
        if known and (kept := await _kept(connection, provider, account, known, webhook_url, take_over=take_over)):
            return kept
        unanswered_intent = await _repeatable_intent(connection, found, webhook_url, give_up=delete_first)
        intent = unanswered_intent or await _intend(connection, account, webhook_url)
        if delete_first:
            await _delete(connection, provider, account)
            reach(Failpoint.MID_ROTATION)
        asked_before = unanswered_intent is not None
        fingerprint = await _carry_out(connection, provider, account, intent, asked_before=asked_before)
    active = [each.secret_fingerprint for each in found if each.secret_fingerprint is not None]
    return outcome.registered(webhook_url, fingerprint, active, account.option)


async def forget(db: Database, account: Account) -> None:
    """Retire all registrations and intents of an account that are lost, as after the restart of a sandbox."""
    rows = await db.fetch(query("webhooks/unretired_registrations"), *account.id)
    await db.execute(query("webhooks/retire_registrations"), [row["id"] for row in rows], CHANNEL)


def _lock(account: Account) -> int:
    """Return the lock for an account's registration. Each has its own: one might wait long for its provider."""
    if account.is_default:
        return LOCK
    return int.from_bytes(hashlib.sha256(" ".join(account.id).encode()).digest()[:8], signed=True)


def _usable(found: Sequence[Registration], webhook_url: str) -> Registration | None:
    """Return the current registration; None if it is for `webhook_url` and a later request was not answered."""
    known = current(found)
    is_here = known is not None and addresses.same(known.webhook_url, webhook_url)
    return None if is_here and unanswered(found) else known


async def _repeatable_intent(
    connection: Connection, found: Sequence[Registration], webhook_url: str, *, give_up: bool
) -> Registration | None:
    """Return the newest intent that can still bring its secret. Retire the others, and all of them to `give_up`."""
    intents = [each for each in found if each.registered_at is None and addresses.same(each.webhook_url, webhook_url)]
    repeatable = [] if give_up else [intent for intent in intents if intent.age < KEY_LIVES]
    for lost in intents:
        if lost not in repeatable:  # the provider has forgotten its key, or will delete its webhook before we ask
            await connection.execute(query("webhooks/retire_registrations"), [lost.id], CHANNEL)
            log.warning("an attempt to register %s that was not answered counts as lost", webhook_url)
    return next(iter(repeatable), None)


async def _intend(connection: Connection, account: Account, webhook_url: str) -> Registration:
    """Store the key of a request before the provider is asked."""
    key = f"register-{secrets.token_hex(16)}"
    row = await connection.fetchrow(
        query("webhooks/intend_registration"), *account.id, account.key_fingerprint, webhook_url, key
    )
    assert row is not None, "an insert returns its row"
    return _registration(row)


async def _kept(
    connection: Connection, provider: TranscribeSo, account: Account, known: Registration, webhook_url: str, *,
    take_over: bool,
) -> RegistrationOutcome | None:  # fmt: skip
    """Return what the `known` registration is, if it is kept; None if `webhook_url` must be registered.

    Raises:
        ImpossibleError: the provider delivers to another address, and `take_over` is false.
    """
    is_here = addresses.same(known.webhook_url, webhook_url)
    if take_over and not is_here:
        return None
    kept = RegistrationOutcome("kept", webhook_url, known.secret_fingerprint, option=account.option)
    if not is_here:
        kept = replace(kept, done="elsewhere", registered_for=known.webhook_url)
    try:
        webhook = await webhook_of(provider)
    except InvalidRequest:
        return replace(kept, done="unknown", doubt=outcome.SILENT) if is_here else kept
    except ProviderError as exc:
        if take_over and not isinstance(exc, ProviderUnavailable | RateLimited):
            raise
        doubt = f"the webhook might not exist any more, but the provider cannot be asked now: {exc}"
        return replace(kept, done="unknown" if is_here else "elsewhere", doubt=doubt)
    if webhook is None:
        log.warning("the provider has no webhook of this key any more")
        await connection.execute(query("webhooks/registrations_gone"), *account.id, account.key_fingerprint)
        return None
    if not is_here or webhook.url is None or addresses.same(webhook.url, webhook_url):
        return kept
    if take_over:
        return None
    raise ImpossibleError(
        f"the provider delivers to {webhook.url}, not to {webhook_url}: "
        f"`receiver register{account.option}` lets it deliver here"
    )


async def _delete(connection: Connection, provider: TranscribeSo, account: Account) -> None:
    try:
        await provider.delete_webhook()
        # Its secret still verifies deliveries on their way. The next registration must not treat it as the webhook.
        await connection.execute(query("webhooks/registrations_gone"), *account.id, account.key_fingerprint)
    except NotFound:
        log.info("the provider has no webhook to delete, or cannot delete it")
    except InvalidRequest as exc:
        raise ImpossibleError(
            f"the provider does not let a webhook be deleted through its API ({exc}): delete it in its dashboard, "
            f"then run `receiver register --rotate{account.option}`"
        ) from exc


async def _carry_out(
    connection: Connection, provider: TranscribeSo, account: Account, intent: Registration, *, asked_before: bool
) -> str:
    """Ask the provider, and store the secret before anything else happens. Return its fingerprint."""
    try:
        webhook = await provider.register_webhook(
            intent.webhook_url, idempotency_key=intent.idempotency_key, asked_before=asked_before
        )
    except ProviderError as exc:
        if _might_have_been_done(exc, asked_before=asked_before):
            raise
        # The provider repeats a refusal to the same key for a day, so the next try needs a new key.
        await connection.execute(query("webhooks/retire_registrations"), [intent.id], CHANNEL)
        if isinstance(exc, RateLimited):
            raise
        advice = _on_conflict(account) if exc.status == CONFLICT else ""
        raise ImpossibleError(f"the provider refuses to register {intent.webhook_url}: {exc}{advice}") from exc
    reach(Failpoint.MID_REGISTRATION)
    if not webhook.secret:
        await connection.execute(query("webhooks/retire_registrations"), [intent.id], CHANNEL)
        raise ImpossibleError(
            "the provider has a webhook for this key and does not show its secret again: nothing has changed. "
            f"Set {accounts.webhook_secret_variable(account.name)} to its secret if you have it{_on_conflict(account)}"
        )
    await connection.execute(
        query("webhooks/complete_registration"), intent.id, str(webhook.id), webhook.secret, CHANNEL
    )
    return signature.fingerprint(webhook.secret.encode())


def _on_conflict(account: Account) -> str:
    return (
        f"; one webhook for each key: `receiver register --rotate --delete-first{account.option}` deletes it and "
        "registers again (what finishes in between is not delivered), or delete it in the provider's dashboard"
    )


def _might_have_been_done(error: ProviderError, *, asked_before: bool) -> bool:
    """Whether the provider might have sent a secret that was lost: only the same key can bring it."""
    if isinstance(error, InvalidRequest) or error.status == CONFLICT:
        return False
    # Missing money, the rate limit or a bad key stopped this request, but an earlier one might have been carried out.
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
