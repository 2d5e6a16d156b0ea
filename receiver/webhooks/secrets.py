"""The secrets that verify a delivery now.

    at an account's webhook  its secrets in the settings, then its registered ones that are not retired, newest first
    at a callback's path     the secret of that callback, which proves deliveries about its transcription only

A secret of one account proves nothing for another. The module `rotation` knows what a secret has verified so far, and
when it can be retired.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from receiver.database import Database, query
from receiver.errors import ImpossibleError
from receiver.events import AccountId, columns
from receiver.settings import FOR_THE_SANDBOX, Account, Settings, accounts


@dataclass(frozen=True, slots=True)
class Callback:
    """The secret of one transcription's callback. It proves deliveries about that transcription only."""

    secret: bytes = field(repr=False)
    transcription_id: str
    account: AccountId


@dataclass(frozen=True, slots=True)
class Known:
    """The secrets that were read: the webhooks' by account, newest first, and those of callbacks by their tokens."""

    webhooks: Mapping[AccountId, tuple[bytes, ...]] = field(default_factory=dict, repr=False)
    callbacks: Mapping[str, Callback] = field(default_factory=dict, repr=False)


async def read(db: Database, whose: Collection[AccountId], tokens: Collection[str] = ()) -> Known:
    """Return the secrets that the database has for deliveries of some accounts.

    The callbacks are each account's newest 1,000 (enough for an outage) and those with `tokens`. So the cost of a
    reading does not depend on the number of callbacks. Callbacks older than a week are left out: no delivery comes so
    late.
    """
    webhooks, callbacks = dict[AccountId, tuple[bytes, ...]](), dict[str, Callback]()
    for row in await db.fetch(query("webhooks/verifying_secrets"), *columns(whose), list(tokens)):
        account, secret = AccountId(row["source"], row["api_url"], row["account"]), row["secret"].encode()
        if row["token"] is None:
            webhooks[account] = (*webhooks.get(account, ()), secret)
        else:
            callbacks[row["token"]] = Callback(secret, row["transcription_id"], account)
    return Known(webhooks, callbacks)


def of_webhook(account: Account, known: Known) -> tuple[bytes, ...]:
    """Return the secrets that verify at an account's webhook, each once. Those of the settings come first."""
    return tuple(dict.fromkeys((*account.own_secrets, *known.webhooks.get(account.id, ()))))


def own(configured: Settings) -> tuple[bytes, ...]:
    """Return the secrets of all accounts that are in the settings."""
    return tuple(secret for account in configured.webhook_accounts for secret in account.own_secrets)


def lacking(configured: Settings) -> list[str]:
    """Return the names of the missing settings without which the chosen account's webhook is not registered."""
    needed = {"TRANSCRIBE_API_KEY": configured.chosen.key, "PUBLIC_URL": configured.public_url}
    return [name for name, value in needed.items() if value is None]


def none_known(configured: Settings) -> ImpossibleError:
    """Return the error for what needs a secret when no secret is known."""
    account = configured.chosen
    whose = "" if account.is_default else f"the account {account.name} of "
    return ImpossibleError(f"no secret is known for {whose}{account.api_url}: {how_to_know_one(configured)}")


def how_to_know_one(configured: Settings) -> str:
    """Return advice for when no secret is known."""
    names, account = lacking(configured), configured.chosen
    first = f"set {' and '.join(names)} and run" if names else "run"
    variable = accounts.webhook_secret_variable(account.name)
    return f"{first} `receiver register{account.option}`, or set {variable}; {FOR_THE_SANDBOX}"
