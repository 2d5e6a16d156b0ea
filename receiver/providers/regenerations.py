"""Have titles made anew: at most ten times for each transcription, and never twice for one intent.

    intent, committed ──▶ the request, under the intent's key ──▶ the intent's end
         ▲                    │ no answer came, or we died
         └── the same is asked again within 23 hours ◀──┘            after that it counts as used

The provider repeats its answer to the same key for a day. So whoever asks the same again (transcription, end, style,
prompt) goes on with the row and the key that are there, and that is no second regeneration. Whoever asks the same at
the same time waits for the row's lock, and gets the same answer.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from receiver.database import Connection, Pool, query
from receiver.errors import (
    ImpossibleError,
    InvalidRequest,
    PaymentRequired,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    Unauthenticated,
)
from receiver.failpoints import Failpoint, reach
from receiver.providers.transcribe_so import NotReady
from receiver.providers.transcribe_so.envelope import is_its_own
from receiver.providers.tries import NOTHING_SENT

Asked: TypeAlias = Callable[[str], Awaitable[bytes]]  # an idempotency key ──▶ the provider's answer

REGENERATIONS = 10  # for each transcription, as the provider allows
REPEATED_FOR = timedelta(hours=23)  # the provider repeats its answer for 24; the rest is for requests under way
REFUSALS = (InvalidRequest, NotReady, PaymentRequired, RateLimited, Unauthenticated)
# A wrong key, too many requests, an empty wallet and a transcription that has been started again say nothing of an
# earlier request under the same idempotency key. A refusal of what is asked is the provider's answer to that key.
REFUSALS_OF_BEFORE = (InvalidRequest,)
# The provider answers so while the first request under a key is under way, which takes 30 to 90 s.
UNDER_WAY, UNDER_WAY_SECONDS, AGAIN_SECONDS = 409, 120.0, 5.0


@dataclass(frozen=True, slots=True)
class Wish:
    """Which titles are to be made anew, and who pays."""

    source: str
    api_url: str
    transcription_id: str
    completed_at: str
    account: str
    key_fingerprint: str
    style: str
    prompt: str

    @property
    def about(self) -> tuple[str, str]:
        """The columns by which the regenerations of its transcription are found."""
        return self.api_url, self.transcription_id

    @property
    def asked(self) -> str:
        """The digest of what is asked for."""
        return hashlib.sha256(f"{self.completed_at}\0{self.style}\0{self.prompt}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Before:
    """What is known before a regeneration.

    Attributes:
        used: how many of the transcription are used; None without a database.
        open: the row of the same one, if that has no answer yet and can be gone on with.
        open_since: when that was written.
        made_at: when the same was made last.
    """

    used: int | None = None
    open: int | None = None
    open_since: datetime | None = None
    made_at: datetime | None = None


async def before(db: "Pool | Connection", wish: Wish) -> Before:
    """Return what is known before a regeneration.

    Raises:
        ImpossibleError: the same was asked for with another API key, and its answer is lost.
    """
    row = await db.fetchrow(query("providers/known_regenerations"), *wish.about, wish.asked, REPEATED_FOR)
    assert row is not None, "an aggregate always returns a row"
    if row["open"] is not None and row["key_fingerprint"] != wish.key_fingerprint:
        until = row["open_since"] + REPEATED_FOR
        raise ImpossibleError(
            f"the same regeneration of {wish.transcription_id} was asked for with another API key, and its answer is "
            f"lost: ask with that key, or after {until:%Y-%m-%d %H:%MZ} anew; or change the prompt"
        )
    return Before(row["used"], row["open"], row["open_since"], row["made_at"])


async def carry_out(
    db: Pool, wish: Wish, known: Before, ask: Asked,
    *, by: str, pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:  # fmt: skip
    """Regenerate, or go on with what is asked for already. The new titles are fetched like all others.

    Args:
        db: the database.
        wish: what is asked for.
        known: what was known `before`.
        ask: sends the request.
        by: the process that asks.
        pause: waits for some seconds.

    Raises:
        InvalidRequest: all ten regenerations of the transcription are used (code `regenerations_used`).
        ProviderError: the provider refused, or no answer came; then the same can be asked again.
    """
    async with db.acquire() as connection:
        intent, is_new = (known.open, False) if known.open is not None else await _intend(connection, wish, by)
        reach(Failpoint.AFTER_INTENDED)
        failure = await _ask(connection, wish, intent, _Asking(ask, pause, asked_before=not is_new))
    if failure is not None:
        raise failure
    reach(Failpoint.AFTER_REGENERATION_KEPT)


async def _intend(connection: Connection, wish: Wish, by: str) -> tuple[int, bool]:
    """Return the intent's row, and whether it is new. What was kept of the style is deleted, because it will be old."""
    async with connection.transaction():
        await connection.fetchval(query("providers/lock_answer"), wish.source, *wish.about, "", "regenerate")
        known = await before(connection, wish)
        if known.open is not None:
            return known.open, False
        if (known.used or 0) >= REGENERATIONS:
            raise InvalidRequest(
                f"{known.used} of {REGENERATIONS} regenerations of transcription {wish.transcription_id} are used",
                code="regenerations_used",
            )
        intent: int = await connection.fetchval(
            query("providers/intend_regeneration"), wish.source, wish.api_url, wish.account, wish.transcription_id,
            wish.completed_at, wish.key_fingerprint, wish.style, wish.prompt, wish.asked,
            f"regenerate-{secrets.token_hex(16)}", by,
        )  # fmt: skip
        await _forget(connection, wish)
        return intent, True


@dataclass(frozen=True, slots=True)
class _Asking:
    """How the provider is asked. `asked_before`: a request under the key may have been carried out."""

    ask: Asked
    pause: Callable[[float], Awaitable[None]]
    asked_before: bool

    async def answer(self, key: str, *, was_lost: bool) -> bytes | ProviderError:
        """Return the answer, or the error. An earlier request that is under way is waited for."""
        until = time.monotonic() + UNDER_WAY_SECONDS
        while True:
            try:
                return await self.ask(key)
            except ProviderError as exc:
                is_under_way = isinstance(exc, ProviderUnavailable) and exc.status == UNDER_WAY
                if not (is_under_way and (self.asked_before or was_lost)) or time.monotonic() >= until:
                    return exc
            await self.pause(AGAIN_SECONDS)

    def is_refusal(self, error: ProviderError, *, was_lost: bool) -> bool:
        """Return whether an error tells that no request under the key was carried out."""
        if self.asked_before or was_lost:
            return isinstance(error, REFUSALS_OF_BEFORE) and is_its_own(error)
        return isinstance(error, REFUSALS) or (error.status is None and error.code in NOTHING_SENT)


async def _ask(connection: Connection, wish: Wish, intent: int, asking: _Asking) -> ProviderError | None:
    """Ask for an intent, unless another process has its answer meanwhile. Return why there is no answer."""
    async with connection.transaction():
        # A host that vanishes must not block the other callers forever.
        await connection.fetchval(query("providers/bound_idle_transaction"), "600s")
        row = await connection.fetchrow(query("providers/lock_regeneration"), intent, REPEATED_FOR)
        assert row is not None, "nobody deletes it"
        if row["state"] == "answered":
            return None
        if row["state"] == "refused":
            return InvalidRequest(f"another process asked the same and was refused: {row['error']}", code="refused")
        if not row["is_repeated"]:
            return ProviderUnavailable("its answer was waited for for too long; it counts as used", code="lost")
        was_lost = row["state"] == "lost"
        answer = await asking.answer(row["idempotency_key"], was_lost=was_lost)
        if isinstance(answer, ProviderError):
            state = "refused" if asking.is_refusal(answer, was_lost=was_lost) else "lost"
            await _end(connection, intent, state, error=str(answer))
            return answer
        reach(Failpoint.AFTER_REGENERATED)
        await _forget(connection, wish)
        await _end(connection, intent, "answered")
        return None


async def _end(connection: Connection, intent: int, state: str, *, error: str | None = None) -> None:
    storable = None if error is None else error.replace("\x00", "").encode("utf-8", "replace").decode()
    await connection.execute(query("providers/end_regeneration"), intent, state, storable)


async def _forget(connection: Connection, wish: Wish) -> None:
    """Delete the kept timestamps of the style."""
    about = wish.source, wish.api_url, wish.transcription_id
    await connection.execute(query("providers/forget_answers"), *about, f"timestamps/%/{wish.style}")
