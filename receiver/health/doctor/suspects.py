"""Gather the secrets that can have signed a request to a webhook or to a callback: those that verify it there first."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import asyncpg

from receiver.database import Database, query
from receiver.events import AccountId
from receiver.health.doctor.diagnosis import Candidate
from receiver.settings import Account, Settings, webhook_path
from receiver.settings.accounts import webhook_secret_variable
from receiver.webhooks import secrets
from receiver.webhooks.secrets import Known

MOST = 1000  # registrations
ORDER = ("well", "webhook", "old_secret", "other_key", "other_account", "callback")


async def gather(db: "Database | None", configured: Settings, at: AccountId | str, *, came: float) -> list[Candidate]:
    """Return the candidates for a request to the webhook of an account, or to the callback with the token `at`.

    Each secret comes once. Without a database the candidates are those of the settings. `came` is when the request came
    (unix seconds). It changes the words only: a secret verifies here if it does so now.
    """
    accounts = configured.webhook_accounts
    if db is None:
        return _each_once(_of_webhooks(accounts, Known(), at, {}))
    known = await secrets.read(db, [account.id for account in accounts])
    rows = await db.fetch(query("webhooks/all_registrations"), MOST)
    callback = await db.fetchrow(query("webhooks/find_callback"), at) if isinstance(at, str) else None
    home = at if isinstance(at, AccountId) else None if callback is None else _account(callback)
    later = {row["secret"].encode(): row["registered_at"] > came for row in reversed(rows)}
    return _each_once((
        *([] if callback is None else [_own_callback(callback)]),
        *_of_webhooks(accounts, known, at, later),
        *(_registered(row, home, accounts, came) for row in rows),
        *_of_callbacks(known),
    ))  # fmt: skip


def _each_once(candidates: Iterable[Candidate]) -> list[Candidate]:
    first = dict[bytes, Candidate]()
    for one in sorted(candidates, key=lambda one: ORDER.index(one.cause)):
        first.setdefault(one.secret, one)
    return list(first.values())


def _of_webhooks(
    accounts: Sequence[Account], known: Known, at: AccountId | str, later: Mapping[bytes, bool]
) -> Iterator[Candidate]:
    """Yield the secrets that verify at the accounts' webhooks; `later` says which were registered too late."""
    for account in accounts:
        for secret in secrets.of_webhook(account, known):
            whose = f"the secret of {_called(account.id)}"
            if account.id == at:
                yield Candidate(
                    secret, "well", f"{whose}, registered only after it came," if later.get(secret) else whose
                )
            elif isinstance(at, str):
                todo = f"let it be sent to {webhook_path(account.name)}, not to the address of a callback"
                yield Candidate(secret, "webhook", whose, todo)
            else:
                yield Candidate(secret, "other_account", whose, _where_it_belongs(account.id, at, accounts))


def _registered(row: asyncpg.Record, home: AccountId | None, accounts: Sequence[Account], came: float) -> Candidate:
    """Return a secret that was registered, as one that does not verify here; `home` is the account that it came to."""
    account, secret = _account(row), row["secret"].encode()
    if account != home:
        return Candidate(
            secret, "other_account", f"the secret of {_called(account)}", _where_it_belongs(account, home, accounts)
        )
    own = next((one for one in accounts if one.id == home), None)
    if own is not None and own.key_fingerprint not in ("", row["key_fingerprint"]):
        return Candidate(
            secret, "other_key", f"the secret of another key of {_called(account)}",
            "the webhook of that key delivers here; delete it at the provider, or set that key",
        )  # fmt: skip
    whose = f"an older secret of {_called(account)}"
    return Candidate(
        secret, "old_secret", f"{whose}, retired only after it came," if (row["retired_at"] or 0) > came else whose,
        "it was retired here, so let the sender sign with the newest one, or accept this one again by putting it into "
        f"{webhook_secret_variable(account.account)}",
    )  # fmt: skip


def _of_callbacks(known: Known) -> Iterator[Candidate]:
    for one in known.callbacks.values():
        yield Candidate(
            one.secret, "callback", f"the secret of the callback of transcription {one.transcription_id}",
            "it is good at the address of that callback alone; if this came there, its secret is right",
        )  # fmt: skip


def _own_callback(row: asyncpg.Record) -> Candidate:
    """Return the secret of the callback that a request came to."""
    whose, secret = f"the secret of the callback of transcription {row['transcription_id']}", row["secret"].encode()
    if not row["is_over"]:
        return Candidate(secret, "well", whose)
    return Candidate(
        secret, "old_secret", f"{whose}, which is older than a week,",
        "nothing is accepted there any more; `receiver reconcile` finds how it has ended",
    )  # fmt: skip


def _where_it_belongs(account: AccountId, home: AccountId | None, accounts: Sequence[Account]) -> str:
    """Return what to do if a request is signed with the secret of another account than that which it came to."""
    own = next((one for one in accounts if one.id == account), None)
    if own is not None:
        return (
            f"let it be sent to {webhook_path(own.name)}, which is the webhook of that account; if it did come there, "
            f"diagnose it with{own.option or ' --account default'}"
        )
    if home is not None and account.api_url != home.api_url:
        return "that is another API; set TRANSCRIBE_API_URL to it, or delete its webhook at the provider"
    return "that account is not set up here; set its key, or delete its webhook at the provider"


def _account(row: asyncpg.Record) -> AccountId:
    return AccountId(row["source"], row["api_url"], row["account"])


def _called(account: AccountId) -> str:
    return f"the account {account.account} at {account.api_url}"
