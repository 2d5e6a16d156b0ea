"""The secrets that verify, kept fresh without letting strangers make the database work.

The webhook's secrets verify what comes to the webhook's path. A transcription's own callback has a path of its own,
which ends in a token, and one secret, which verifies nothing else. There may be very many of those: only the newest are
kept here, and another one is looked up when a delivery comes to it.
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
    """How often the database is read, and for how many.

    Attributes:
        again: seconds after which it is read without being asked for.
        between: seconds between two readings that strangers ask for.
        waiting: how many may wait for one: their bodies are 64 MiB at most, and their answers all come in one round
            of the loop.
    """

    again: float = 5.0
    between: float = 1.0
    waiting: int = 256


SERVICE = Bounds()


@dataclass(frozen=True, slots=True)
class Proven:
    """What proved a delivery: the secret, and the transcription at whose callback it came; None at the webhook."""

    secret: bytes = field(repr=False)
    callback_for: str | None = None


class Keyring:
    """Secrets from the settings, and those that `read` finds in the database; until then those `known` before.

    A registration in another process may be a moment ahead of us, so a signature that matches nothing waits for one
    reading that begins after it arrived. Everyone who waits shares it, and there is at most one a second. Where many
    wait, others are refused at once: also a delivery signed with a secret so new that its NOTIFY is still on the way.
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
        self._coming: asyncio.Task[bool] | None = None
        self._hint = Hint()
        self._last = float("-inf")
        self._waiting = 0
        self._asked: set[str] = set()
        self.is_usable = asyncio.Event()  # whether secrets are known, or it is known that there are none
        if self.secrets:
            self.is_usable.set()

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """Every secret of the webhook known now."""
        return of_webhook(self._configured, self._known)

    async def verify(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, *, callback: str | None = None
    ) -> Proven:
        """Return what proves a delivery to the webhook, or to the callback of that token.

        Raises:
            SignatureError: there is none; a callback that does not exist is refused like a wrong signature.
            CallbackUnknownError: whether it exists could not be asked, the same for every callback not known here.
            NoSecretError: no secret is known at all.
        """
        tried = self._for(callback)
        try:
            return _proven(headers, body, *tried)
        except SignatureError as exc:
            # A stale one waits as long as a mismatch does: how long an answer takes must not tell them apart.
            if exc.reason not in ("mismatch", "stale"):
                raise
            refusal = exc
        was_read = await self._read_in_company(callback)
        known = self._for(callback)
        if callback is None and not self.secrets:
            raise NoSecretError
        if callback is not None and not was_read and callback not in self._known.callbacks:
            raise CallbackUnknownError
        if known == tried:
            raise refusal
        return _proven(headers, body, *known)

    def _for(self, callback: str | None) -> tuple[tuple[bytes, ...], str | None]:
        """Return the secrets that may have signed, and the transcription that they speak of if it is only one."""
        if callback is None:
            return self.secrets, None
        found = self._known.callbacks.get(callback)
        return ((), None) if found is None else ((found.secret,), found.transcription_id)

    async def _read_in_company(self, callback: str | None) -> bool:
        """Wait for a reading, unless too many do; it looks for that callback too. Says whether there was one."""
        if self._waiting >= self._bounds.waiting:
            return False
        if callback is not None and TOKEN.fullmatch(callback):
            self._asked.add(callback)
        self._waiting += 1
        try:
            return await self.read_again()
        except Exception as exc:  # noqa: BLE001 - who delivers is not to blame for it; the watch shows it
            log.debug("secrets were not read: %s", type(exc).__name__)
            return False
        finally:
            self._waiting -= 1

    async def read_again(self) -> bool:
        """Wait for a reading that begins now or later; where it fails, which is said, the secrets stay as they are."""
        if self._coming is None:
            self._coming = asyncio.create_task(self._read_in_turn())
        return await asyncio.shield(self._coming)

    def hurry(self) -> None:
        """Read again soon, because someone said that there is something new."""
        self._hint.give()

    async def watch(self) -> None:
        """Read again every few seconds and at every hint, until cancelled."""
        while True:
            await self._hint.within(self._bounds.again)
            await self.read_again()

    async def _read_in_turn(self) -> bool:
        # A hint ends the pause: it says that there is something, and no stranger can give one.
        await self._hint.within(self._last + self._bounds.between - time.monotonic())
        self._hint.take()
        self._coming = None  # whoever arrives from here on needs a later reading
        self._last = time.monotonic()
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
