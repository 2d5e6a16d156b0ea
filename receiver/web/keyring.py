"""The secrets that verify, kept fresh without letting strangers make the database work.

The webhook's secrets verify what comes to the webhook's path. A transcription's own callback has a path of its own,
which ends in a token, and one secret, which verifies nothing else.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress

from receiver import signature
from receiver.callbacks import Known
from receiver.errors import NoSecretError, ReceiverError, SignatureError
from receiver.signature import Proof

log = logging.getLogger(__name__)

READ_AGAIN_SECONDS = 5.0
BETWEEN_READINGS_SECONDS = 1.0
WAITING = 256  # whose bodies are 64 MiB at most, and whose answers all come in one round of the loop


class Keyring:
    """Secrets from the settings, and those that `read` finds in the database; until then those `known` before.

    A registration in another process may be a moment ahead of us, so a signature that matches nothing waits for one
    reading that begins after it arrived. Everyone who waits shares it, and there is at most one a second. Where many
    wait, others are refused at once: also a delivery signed with a secret so new that its NOTIFY is still on the way.
    """

    def __init__(self, configured: Iterable[bytes], known: Known, read: Callable[[], Awaitable[Known]]) -> None:
        self._configured = tuple(configured)
        self._read = read
        self._known = known
        self._coming: asyncio.Task[None] | None = None
        self._hint = asyncio.Event()
        self._last = float("-inf")
        self._waiting = 0

    @property
    def secrets(self) -> tuple[bytes, ...]:
        """Every secret of the webhook known now."""
        return tuple(dict.fromkeys((*self._configured, *self._known.webhook)))

    async def verify(
        self, headers: Sequence[tuple[bytes, bytes]], body: bytes, *, callback: str | None = None
    ) -> Proof:
        """Return the proof of an authentic delivery to the webhook, or to the callback of that token.

        Raises:
            SignatureError: there is none; an unknown callback is refused like a wrong signature.
            NoSecretError: no secret is known at all.
        """
        tried = self._for(callback)
        try:
            return signature.verify(headers, body, secrets=tried, now=time.time())
        except SignatureError as exc:
            # A stale one waits as long as a mismatch does: how long an answer takes must not tell them apart.
            if exc.reason not in ("mismatch", "stale"):
                raise
            refusal = exc
        await self._read_in_company()
        secrets = self._for(callback)
        if callback is None and not secrets:
            raise NoSecretError
        if secrets == tried:
            raise refusal
        return signature.verify(headers, body, secrets=secrets, now=time.time())

    def _for(self, callback: str | None) -> tuple[bytes, ...]:
        if callback is None:
            return self.secrets
        found = self._known.callbacks.get(callback)
        return () if found is None else (found.secret,)

    def subject(self, callback: str) -> str | None:
        """Return the id of the transcription whose callback it is; None where it is unknown."""
        found = self._known.callbacks.get(callback)
        return None if found is None else found.transcription_id

    async def _read_in_company(self) -> None:
        """Wait for a reading, unless too many do."""
        if self._waiting >= WAITING:
            return
        self._waiting += 1
        try:
            await self.read_again()
        finally:
            self._waiting -= 1

    async def read_again(self) -> None:
        """Wait for a reading that begins now or later; where it fails the secrets stay as they are."""
        if self._coming is None:
            self._coming = asyncio.create_task(self._read_in_turn())
        await asyncio.shield(self._coming)

    def hurry(self) -> None:
        """Read again soon, because someone said that there is something new."""
        self._hint.set()

    async def watch(self) -> None:
        """Read again every few seconds and at every hint, until cancelled."""
        while True:
            # Not wait_for: in Python 3.11 it loses a cancellation that comes at the same moment as the hint.
            with suppress(TimeoutError):
                async with asyncio.timeout(READ_AGAIN_SECONDS):
                    await self._hint.wait()
            await self.read_again()

    async def _read_in_turn(self) -> None:
        with suppress(TimeoutError):  # a hint ends the pause: it says that there is something, and no stranger can
            async with asyncio.timeout(self._last + BETWEEN_READINGS_SECONDS - time.monotonic()):
                await self._hint.wait()
        self._hint.clear()
        self._coming = None  # whoever arrives from here on needs a later reading
        self._last = time.monotonic()
        try:
            self._known = await self._read()
        except ReceiverError as exc:
            log.debug("secrets were not read: %s", exc)
