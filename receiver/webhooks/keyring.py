"""The secrets that verify deliveries, kept fresh. Unknown senders cannot load the database with that.

Each account has a webhook with a path and secrets of its own, which verify nothing at another path. The callback of a
transcription has its own path, which ends in a token, and its own secret, which verifies nothing else. There can be
very many callbacks. Only the newest are kept here. Any other callback is looked up when a delivery comes to it.
One reading of the database brings the secrets of all accounts.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

from receiver import signature
from receiver.database.hint import Hint
from receiver.errors import CallbackUnknownError, NoSecretError, ReceiverError, SignatureError
from receiver.events import AccountId
from receiver.settings import Account
from receiver.webhooks.secrets import Known, of_webhook

log = logging.getLogger(__name__)

TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How often the database is read, and how many deliveries can wait for a reading.

    Attributes:
        again: seconds between two regular readings.
        between: seconds between two readings that unknown senders cause.
        waiting: how many deliveries can wait for a reading. Their bodies are at most 64 MiB together, and the event
            loop answers all of them in one pass.
    """

    again: float = 5.0
    between: float = 1.0
    waiting: int = 256


SERVICE = Bounds()


@dataclass(frozen=True, slots=True)
class Proven:
    """The secret that proved a delivery.

    Attributes:
        secret: the secret.
        account: the account that the delivery comes from.
        callback_for: the transcription whose callback received it; None at the webhook.
        seconds_off: how far behind our time the time of its signature is.
    """

    secret: bytes = field(repr=False)
    account: AccountId
    callback_for: str | None = None
    seconds_off: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Stale:
    """An authentic delivery that is refused: its signature is too old, or its time is in the future.

    `mac` distinguishes it from others. The other fields are as in `Proven`.
    """

    account: AccountId
    callback_for: str | None
    body: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    seconds_off: float


@dataclass(frozen=True, slots=True)
class _Tried:
    """The secrets that could have signed a delivery, and what they prove."""

    secrets: tuple[bytes, ...] = field(default=(), repr=False)
    account: AccountId | None = None
    callback_for: str | None = None

    def prove(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, past: float) -> Proven:
        """Return what proves a delivery whose signature is at most `past` seconds old.

        Raises:
            SignatureError: none of these secrets proves it.
        """
        now = time.time()
        proof = signature.verify(headers, body, secrets=self.secrets, now=now, past=past)
        assert self.account is not None, "a secret is an account's"
        return Proven(proof.secret, self.account, self.callback_for, now - proof.signed_at)


@dataclass(frozen=True, slots=True)
class Unproven:
    """A delivery that none of the secrets proves that were known when it came: which were `tried`, and the refusal."""

    tried: _Tried
    refusal: SignatureError
    headers: Sequence[tuple[bytes, bytes]] = field(repr=False)
    body: bytes = field(repr=False)
    at: AccountId | str = field(repr=False)


class Keyring:
    """The secrets of the accounts, from the settings and from the database.

    Before the first reading, `known` is used for the database's. If it does not have the secrets of the accounts
    `lost`, the keyring is not usable before it has others of them.

    Another process might have registered a moment ago. So a delivery that matches no secret waits for one
    reading that begins after it arrived. All waiting deliveries share that reading, and there is at most one reading a
    second. If too many deliveries wait, the next delivery is refused immediately. Those of webhooks and those of
    callbacks are counted apart. So an authentic delivery of a webhook can be refused so only while the NOTIFY of its
    new secret is on the way; and one of a callback that is too old to be known here, only beside many with unknown
    tokens.

    A signature can be `past` seconds old. A delivery that a secret proves and that is refused for its time is given to
    `doubted` after its answer.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        known: Known,
        read: Callable[[Collection[str]], Awaitable[Known]],
        *,
        lost: Collection[AccountId] = (),
        bounds: Bounds = SERVICE,
        past: float = signature.TOLERANCE_SECONDS,
        doubted: Callable[[Stale], None] | None = None,
    ) -> None:
        self._accounts = {account.id: account for account in accounts}
        self._read = read
        self._take_in(known)
        self._bounds = bounds
        self._past = past
        self._doubted = doubted
        self._next_reading: asyncio.Task[bool] | None = None
        self._hint = Hint()
        self._last_read = float("-inf")
        self._waiting = {"webhooks": 0, "callbacks": 0}
        self._asked: set[str] = set()
        self.is_usable = asyncio.Event()  # set once a secret is known and none is lost, or the database was read
        if any(self.secrets_of(each) for each in self._accounts) and all(self.secrets_of(each) for each in lost):
            self.is_usable.set()

    def secrets_of(self, account: AccountId) -> tuple[bytes, ...]:
        """Return the secrets of an account's webhook that are known now."""
        return of_webhook(self._accounts[account], self._known)

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """All secrets of webhooks that are known now."""
        return tuple(secret for account in self._accounts for secret in self.secrets_of(account))

    def prove(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, at: AccountId | str) -> Proven | Unproven:
        """Return what proves a delivery to an account's webhook, or to the callback with the token `at`.

        If no secret known now proves it, `prove_later` might.
        """
        tried = self._secrets_at(at)
        try:
            return tried.prove(headers, body, self._past)
        except SignatureError as exc:
            return Unproven(tried, exc, headers, body, at)

    async def verify(self, headers: Sequence[tuple[bytes, bytes]], body: bytes, at: AccountId | str) -> Proven:
        """Return what proves a delivery, by the secrets that are known now or after a reading; see `prove_later`."""
        found = self.prove(headers, body, at)
        return found if isinstance(found, Proven) else await self.prove_later(found)

    async def prove_later(self, unproven: Unproven) -> Proven:
        """Return what proves a delivery after a reading. The body is hashed again only if that brings other secrets.

        Raises:
            SignatureError: nothing proves it. An unknown callback is refused like a wrong signature.
            CallbackUnknownError: the callback is not known here, and the database could not be asked.
            NoSecretError: no secret of the account is known.
        """
        # A stale delivery waits as long as a mismatch: the time of an answer must not show which it is.
        if unproven.refusal.reason not in ("mismatch", "stale"):
            raise unproven.refusal
        callback = unproven.at if isinstance(unproven.at, str) else None
        was_read = await self._wait_for_reading(callback)
        known = self._secrets_at(unproven.at)
        if callback is None and not known.secrets:
            raise NoSecretError
        if callback is not None and not was_read and callback not in self._known.callbacks:
            raise CallbackUnknownError
        try:
            if known == unproven.tried:
                raise unproven.refusal
            return known.prove(unproven.headers, unproven.body, self._past)
        except SignatureError as exc:
            # After the answer, and for a mismatch too: the time of an answer must not show that a secret is in use.
            asyncio.get_running_loop().call_soon(self._doubt, known, unproven.body, exc)
            raise

    def _doubt(self, tried: _Tried, body: bytes, refusal: SignatureError) -> None:
        """Give on what a secret has proved and what is refused nevertheless."""
        if refusal.reason == "stale" and self._doubted is not None:
            assert tried.account is not None, "a secret is an account's"
            self._doubted(Stale(tried.account, tried.callback_for, body, refusal.mac, refusal.seconds_off))

    def _secrets_at(self, at: AccountId | str) -> _Tried:
        """Return the secrets that could have signed a delivery to this webhook or callback."""
        if not isinstance(at, str):
            return self._webhooks[at]
        found = self._known.callbacks.get(at)
        return _Tried() if found is None else _Tried((found.secret,), found.account, found.transcription_id)

    async def _wait_for_reading(self, callback: str | None) -> bool:
        """Wait for a reading that also looks for the callback. Return whether it succeeded; False if too many wait."""
        kind = "webhooks" if callback is None else "callbacks"
        if self._waiting[kind] >= self._bounds.waiting:
            return False
        if callback is not None and TOKEN.fullmatch(callback):
            self._asked.add(callback)
        self._waiting[kind] += 1
        try:
            return await self.read_again()
        except Exception as exc:  # noqa: BLE001 - not the fault of the sender; `watch` will raise it
            log.debug("secrets were not read: %s", type(exc).__name__)
            return False
        finally:
            self._waiting[kind] -= 1

    async def read_again(self) -> bool:
        """Wait for a reading that begins now or later. Return whether it succeeded; if not, the secrets stay."""
        if self._next_reading is None:
            self._next_reading = asyncio.create_task(self._read_after_pause())
        return await asyncio.shield(self._next_reading)

    def hurry(self) -> None:
        """Read again immediately: a NOTIFY says that there is a new secret."""
        self._hint.give()

    async def watch(self) -> None:
        """Read again every few seconds, and at every call of `hurry`, until cancelled."""
        while True:
            await self._hint.within(self._bounds.again)
            await self.read_again()

    def _take_in(self, known: Known) -> None:
        self._known = known
        self._webhooks = {account: _Tried(self.secrets_of(account), account) for account in self._accounts}

    async def _read_after_pause(self) -> bool:
        # A hint ends the pause: it announces a new secret, and unknown senders cannot cause a hint.
        await self._hint.within(self._last_read + self._bounds.between - time.monotonic())
        self._hint.take()
        self._next_reading = None  # a delivery that arrives from here on needs a later reading
        self._last_read = time.monotonic()
        asked, self._asked = self._asked, set()
        try:
            self._take_in(await self._read(asked))
            self.is_usable.set()
        except ReceiverError as exc:
            log.debug("secrets were not read: %s", exc)
            return False
        return True
