"""The secrets that verify deliveries, kept fresh. Unknown senders cannot load the database with that.

The webhook's secrets verify deliveries at the webhook's path. The callback of a transcription has its own path, which
ends in a token, and its own secret, which verifies nothing else. There can be very many callbacks. Only the newest are
kept here. Any other callback is looked up when a delivery comes to it.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from receiver import signature
from receiver.database.hint import Hint
from receiver.errors import CallbackUnknownError, NoSecretError, ReceiverError, SignatureError
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
    """The secret that proved a delivery. `callback_for` is the transcription of its callback; None at the webhook."""

    secret: bytes = field(repr=False)
    callback_for: str | None = None


class Keyring:
    """The secrets of the settings and of the database. Before the first reading, `known` is used for the database's.

    Another process might have registered a moment ago. So a delivery that matches no secret waits for one
    reading that begins after it arrived. All waiting deliveries share that reading, and there is at most one reading a
    second. If too many deliveries wait, the next delivery is refused immediately. An authentic delivery can be refused
    so only while the NOTIFY of its new secret is on the way.
    """

    def __init__(
        self,
        configured: Iterable[bytes],
        known: Known,
        read: Callable[[Collection[str]], Awaitable[Known]],
        *,
        bounds: Bounds = SERVICE,
    ) -> None:
        self._configured = tuple(configured)
        self._read = read
        self._known = known
        self._bounds = bounds
        self._next_reading: asyncio.Task[bool] | None = None
        self._hint = Hint()
        self._last_read = float("-inf")
        self._waiting = 0
        self._asked: set[str] = set()
        self.is_usable = asyncio.Event()  # set once a secret is known, or the database was read
        if self.secrets:
            self.is_usable.set()

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """All secrets of the webhook that are known now."""
        return of_webhook(self._configured, self._known)

    async def verify(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, *, callback: str | None = None
    ) -> Proven:
        """Return what proves a delivery to the webhook, or to the callback with the token `callback`.

        Raises:
            SignatureError: nothing proves it. An unknown callback is refused like a wrong signature.
            CallbackUnknownError: the callback is not known here, and the database could not be asked.
            NoSecretError: no secret is known at all.
        """
        tried = self._secrets_for(callback)
        try:
            return _proven(headers, body, *tried)
        except SignatureError as exc:
            # A stale delivery waits as long as a mismatch: the time of an answer must not show which it is.
            if exc.reason not in ("mismatch", "stale"):
                raise
            refusal = exc
        was_read = await self._wait_for_reading(callback)
        known = self._secrets_for(callback)
        if callback is None and not self.secrets:
            raise NoSecretError
        if callback is not None and not was_read and callback not in self._known.callbacks:
            raise CallbackUnknownError
        if known == tried:
            raise refusal
        return _proven(headers, body, *known)

    def _secrets_for(self, callback: str | None) -> tuple[tuple[bytes, ...], str | None]:
        """Return the secrets that could have signed, and the transcription of the callback (None at the webhook)."""
        if callback is None:
            return self.secrets, None
        found = self._known.callbacks.get(callback)
        return ((), None) if found is None else ((found.secret,), found.transcription_id)

    async def _wait_for_reading(self, callback: str | None) -> bool:
        """Wait for a reading that also looks for the callback. Return whether it succeeded; False if too many wait."""
        if self._waiting >= self._bounds.waiting:
            return False
        if callback is not None and TOKEN.fullmatch(callback):
            self._asked.add(callback)
        self._waiting += 1
        try:
            return await self.read_again()
        except Exception as exc:  # noqa: BLE001 - not the fault of the sender; `watch` will raise it
            log.debug("secrets were not read: %s", type(exc).__name__)
            return False
        finally:
            self._waiting -= 1

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

    async def _read_after_pause(self) -> bool:
        # A hint ends the pause: it announces a new secret, and unknown senders cannot cause a hint.
        await self._hint.within(self._last_read + self._bounds.between - time.monotonic())
        self._hint.take()
        self._next_reading = None  # a delivery that arrives from here on needs a later reading
        self._last_read = time.monotonic()
        asked, self._asked = self._asked, set()
        try:
            self._known = await self._read(asked)
            self.is_usable.set()
        except ReceiverError as exc:
            log.debug("secrets were not read: %s", exc)
            return False
        return True


def _proven(
    headers: Sequence[tuple[bytes, bytes]], body: bytes, secrets: tuple[bytes, ...], callback_for: str | None
) -> Proven:
    proof = signature.verify(headers, body, secrets=secrets, now=time.time())
    return Proven(proof.secret, callback_for)
