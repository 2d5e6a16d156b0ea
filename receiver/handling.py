"""The handler API: `@handler`, `Handler` and `Context`.

    @handler("transcription.completed")
    async def announce(event: Event, ctx: Context) -> None: ...

A handler's function is called for each job, in a worker; a plain `def` in a thread of its own. Returning means done;
raising means again, by the handler's policy; `Retry`, `Postpone` and `GiveUp` say otherwise. See `receiver.retry` for
the whole rule.
"""

import hashlib
import inspect
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import httpx

from receiver import archive, jobs, threads
from receiver.archive import Subject
from receiver.database import Connection, Pool
from receiver.errors import GiveUp, HandlerLoadError, LeaseLostError
from receiver.events import Event
from receiver.failpoints import Failpoint, reach
from receiver.providers import TranscribeSo
from receiver.retry import Done, RetryPolicy
from receiver.threads import Bridge
from receiver.transcripts import Timestamps, Transcript

T = TypeVar("T")
Function: TypeAlias = "Callable[[Event, Context], Awaitable[None]] | Callable[[Event, Context], None]"

PATTERN = re.compile(r"\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*(\.\*)?")


@dataclass(slots=True)
class Completion:
    """Whether a job's row is locked by, or was finished in, a transaction of the handler's."""

    open: bool = False
    committed: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler works with.

    Attributes:
        provider: the source's API client.
        http: an HTTP client for everything else, with a timeout of 10 s.
        db: the database (an asyncpg pool). Make your own tables; ours lie in the schema `receiver`.
        attempt: the n-th claim of this job; it only grows.
        idempotency_key: the same in every attempt and replay of this job; for services that ignore a key they know.
        formats: the timestamps formats that the operator asked for.
        log: a logger whose lines name the event.
        bridge: the way of a plain `def` to what is asynchronous; see `wait`.
    """

    event: Event
    handler: str
    job: int
    attempt: int
    db: Pool
    provider: TranscribeSo
    http: httpx.AsyncClient
    formats: tuple[str, ...]
    log: "logging.LoggerAdapter[logging.Logger]"
    completion: Completion = field(default_factory=Completion)
    bridge: Bridge = field(default_factory=Bridge)

    @property
    def idempotency_key(self) -> str:
        """A short text that belongs to this event and handler, and to no other."""
        name = f"{self.event.source}\0{self.event.id}\0{self.handler}"
        return f"rcv-{hashlib.sha256(name.encode()).hexdigest()[:40]}"

    async def transcript(self) -> Transcript:
        """Return what was said; fetched once for each transcription, whoever asks.

        Raises:
            GiveUp: the event names no transcription.
            ProviderError: it cannot be had (yet); uncaught, it decides what becomes of the job.
        """
        return await archive.transcript(self.db, self.provider, self._subject())

    async def timestamps(self, format: str, *, style: str = "balanced") -> Timestamps:  # noqa: A002 - the provider's word
        """Return paste-ready chapter timestamps in a format such as `youtube`; fetched once, whoever asks.

        Raises:
            GiveUp: the event names no transcription.
            NotReady: this style was never made; `available_styles` can be had for nothing.
        """
        return await archive.timestamps(self.db, self.provider, self._subject(), format, style)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do in a plain `def` what is asynchronous: `ctx.wait(ctx.transcript())`.

        Raises:
            LeaseLostError: this attempt is over: it ran out of time, or the job is another worker's now.
        """
        return self.bridge.wait(work)

    @asynccontextmanager
    async def completing(self) -> AsyncIterator[Connection]:
        """Write to the database and finish the job in one transaction: both happen, once, or neither does.

        The server ends a transaction that is silent for a minute, so do what takes long before it.

        Raises:
            LeaseLostError: the job is another worker's now, or was finished in a `completing` before.
        """
        if self.completion.open or self.completion.committed:
            raise LeaseLostError("completing() can be used once")
        # Set before the row is locked: from here on a lost lease must not stop us, because we may be done already.
        self.completion.open = True
        try:
            async with self.db.acquire() as connection, connection.transaction():
                if not await jobs.lock(connection, self.job, self.attempt):
                    raise LeaseLostError("the job belongs to another worker now")
                yield connection
                await jobs.finish(connection, self.job, self.attempt, Done())
                reach(Failpoint.BEFORE_COMPLETING_COMMIT)
            reach(Failpoint.AFTER_COMPLETING_COMMIT)
            self.completion.committed = True
        finally:
            self.completion.open = False

    def _subject(self) -> Subject:
        transcription = self.event.transcription
        if transcription.id is None:
            raise GiveUp("the event names no transcription")
        return Subject(self.event.source, transcription.id, transcription.completed_at or "")


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that wants events of some types. Call it like the function it wraps.

    Attributes:
        patterns: a type (`transcription.completed`), a family (`transcription.*`), or `*`.
        name: names its jobs; changing it orphans those that are unfinished.
        timeout: seconds that one attempt may take.
    """

    function: Function
    patterns: tuple[str, ...]
    name: str
    retry: RetryPolicy
    timeout: float

    async def __call__(self, event: Event, ctx: Context) -> None:
        """Handle one event.

        Raises:
            TypeError: a plain function returned an awaitable, which nobody would await.
        """
        if inspect.iscoroutinefunction(self.function):
            await self.function(event, ctx)
            return
        returned: object = await threads.run(self.function, event, ctx)
        if inspect.isawaitable(returned):
            if inspect.iscoroutine(returned):
                returned.close()
            raise TypeError(f"{self.name} returned what is to be awaited: write `async def {self.name}`")

    def wants(self, event_type: str) -> bool:
        """Whether this handler gets a job for events of this type."""
        return any(
            pattern in ("*", event_type) or (pattern.endswith(".*") and event_type.startswith(pattern[:-1]))
            for pattern in self.patterns
        )


def handler(
    *patterns: str, name: str | None = None, retry: RetryPolicy | None = None, timeout: float = 30.0
) -> Callable[[Function], Handler]:
    """Turn a function into a `Handler` of events whose type matches one of `patterns`.

    An `async def` runs in the worker's loop and must not block it; a plain `def` runs in a thread and may.

    Args:
        patterns: types, families such as `transcription.*`, or `*`.
        name: names its jobs; by default the function's name.
        retry: how often and how far apart failed jobs are tried again.
        timeout: seconds that one attempt may take.

    Raises:
        HandlerLoadError: no pattern, a function that yields or cannot be called with an event and a context, or a
            timeout that is not positive.
    """
    wrong = [pattern for pattern in patterns if not isinstance(pattern, str) or not PATTERN.fullmatch(pattern)]
    if wrong or not patterns:
        said = f", not {wrong[0]!r}" if wrong else ""
        raise HandlerLoadError(f'@handler needs patterns such as "transcription.completed", "transcription.*"{said}')

    def wrap(function: Function) -> Handler:
        own_name = name or function.__name__
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise HandlerLoadError(f"{own_name}: a handler does not yield")
        try:
            inspect.signature(function).bind(None, None)
        except (TypeError, ValueError) as exc:
            raise HandlerLoadError(f"{own_name}: a handler is called with an event and a context") from exc
        if not timeout > 0:
            raise HandlerLoadError(f"{own_name}: its timeout must be positive")
        return Handler(function, patterns, own_name, retry or RetryPolicy(), timeout)

    return wrap
