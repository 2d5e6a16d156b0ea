"""What a handler gets beside the event: `Context`."""

import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import httpx

from receiver.database import Connection, Pool
from receiver.errors import GiveUp, ImpossibleError, LeaseLostError
from receiver.events import AccountId, Event
from receiver.failpoints import Failpoint, reach
from receiver.handling.fetched import Fetched
from receiver.handling.handed import Handed, remembered
from receiver.handling.threads import Bridge
from receiver.inbox import artifacts, jobs
from receiver.inbox.artifacts import Artifact
from receiver.providers import Source, TranscribeSo, archive
from receiver.providers.archive import Archive, Subject
from receiver.settings import Settings, said
from receiver.transcripts import Timestamps, Transcript

T = TypeVar("T")


class Completing(Enum):
    """How far a handler is with `Context.completing`.

        UNUSED ──begun──▶ OPEN ──commit──▶ COMMITTED         a rollback makes it UNUSED again

    UNUSED: the handler can begin. The worker stops it if its lease is lost, and writes the outcome.
    OPEN: the handler's transaction holds the job's row. Stopping the handler might stop its commit.
    COMMITTED: the job is done, whatever the handler does from now on.
    """

    UNUSED = auto()
    OPEN = auto()
    COMMITTED = auto()


@dataclass(slots=True)
class Completion:
    """The stage of an attempt's `Context.completing`: the handler sets it, and the worker reads it.

    `claimed_at` is when the job was claimed; None if nobody says so.
    """

    claimed_at: datetime | None = None
    stage: Completing = Completing.UNUSED


@dataclass(frozen=True, slots=True)
class Context:
    """Everything that a handler gets beside the event.

    Attributes:
        account: the account that the event is from: its source, its API URL, its name.
        client: the API client of that account; see `api`.
        http: an HTTP client for everything else, with a timeout of 10 s. Only this attempt has its headers and cookies.
        db: the database (an asyncpg pool). Create your own tables. The service's tables are in the schema `receiver`.
        attempt: how many times this job has been claimed, this time included. It only grows.
        idempotency_key: the same in every attempt and replay of this job. Send it to services that ignore a known key.
        configured: the operator's settings; see `setting`.
        log: a logger whose lines name the event.
        bridge: lets a plain `def` run coroutines; see `wait`.
        fetched: the files that this try has fetched from a bucket; see `file`.
        handed: the coroutines that this try has got from these methods.
    """

    event: Event
    handler: str
    job: int
    attempt: int
    idempotency_key: str
    db: Pool
    account: AccountId
    client: object
    http: httpx.AsyncClient
    configured: Settings
    log: "logging.LoggerAdapter[logging.Logger]"
    completion: Completion = field(default_factory=Completion)
    bridge: Bridge = field(default_factory=Bridge)
    fetched: Fetched = field(default_factory=Fetched)
    handed: Handed = field(default_factory=Handed)

    @property
    def provider(self) -> TranscribeSo:
        """The API client of transcribe.so.

        Raises:
            GiveUp: the event is from another source.
        """
        return self.api(TranscribeSo)

    def api(self, kind: type[T]) -> T:
        """Return the API client of the event's account: `ctx.api(TranscribeSo)`.

        Raises:
            GiveUp: the event is from a source that has a client of another kind.
        """
        if not isinstance(self.client, kind):
            raise GiveUp(f"this event is from {self.event.source}: ctx.api({type(self.client).__name__})")
        return self.client

    def setting(self, name: str) -> str | None:
        """Return what a variable says, such as the one that the handler `needs`; None if it says nothing.

        It is one of the README's settings, with its default, or any other variable. A secret can also be given as
        `NAME_FILE`, the path of a file that holds it.

        Raises:
            ImpossibleError: that file cannot be used.
        """
        return said.text(self.configured, name)

    @remembered
    async def transcript(self) -> Transcript:
        """Return the transcript. It is fetched once for each transcription, and kept for all handlers.

        Raises:
            GiveUp: the event names no transcription.
            ProviderError: the provider does not give it (yet). Unless the handler catches it, this error decides about
                the job.
        """
        if isinstance(self.client, TranscribeSo):
            found = await Archive(self.client, self.db).transcript(self._subject())
        else:
            found = await self._of_submission()
        return replace(found, title=self.event.transcription.title)

    @remembered
    async def timestamps(self, format: str, *, style: str = "balanced") -> Timestamps:  # noqa: A002 - the provider's word
        """Return paste-ready chapter timestamps in a format such as `youtube`. They are fetched once for all handlers.

        Raises:
            GiveUp: the event names no transcription, or is not from transcribe.so.
            NotReady: this style was never made. Those in `available_styles` are free.
        """
        return await Archive(self.provider, self.db).timestamps(self._subject(), format, style)

    @remembered
    async def artifacts(self) -> list[Artifact]:
        """Return the files that the event's submission has brought: stems, enhanced audio, subtitles.

        They lie on the machine that fetched them, or in a bucket; see `file`. Events that no submission has brought
        have none.
        """
        submission = self.event.data.get("submission")
        return [] if not isinstance(submission, dict) else await artifacts.of(self.db, str(submission.get("id")))

    @remembered
    async def file(self, artifact: Artifact) -> Path:
        """Return the path of one of the artifacts on this machine.

        One that lies in a bucket is fetched. It is removed when this try ends, so copy what you keep.

        Raises:
            Postpone: it lies on another machine, or the bucket cannot be reached now.
            ImpossibleError: it is not there any more as it was fetched.
        """
        return await self.fetched.path(artifact, partial(artifacts.folder, self.configured))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine from a plain `def`: `ctx.wait(ctx.transcript())`.

        Raises:
            LeaseLostError: this attempt is over: it ran out of time, or the job belongs to another worker now.
        """
        return self.bridge.wait(work)

    @asynccontextmanager
    async def completing(self) -> AsyncIterator[Connection]:
        """Write to the database and finish the job in one transaction: both happen, or neither.

        The database ends a transaction that is idle for a minute, so do slow work before it.

        Raises:
            ImpossibleError: this attempt has used it before, or has ended its transaction.
            LeaseLostError: the job belongs to another worker now, or is gone.
        """
        if self.completion.stage is not Completing.UNUSED:
            raise ImpossibleError(
                f"{self.handler} uses completing() twice: use it once, for everything that the handler writes"
            )
        # Set before the row is locked: from here on a lost lease must not stop the handler, which might have committed.
        self.completion.stage = Completing.OPEN
        try:
            async with self.db.acquire() as connection, connection.transaction():
                if not await jobs.lock(connection, self.job, self.attempt):
                    raise LeaseLostError("the job belongs to another worker now")
                yield connection
                if not connection.is_in_transaction():
                    raise ImpossibleError(f"{self.handler} has ended the transaction of completing() itself")
                claimed_at = self.completion.claimed_at
                if not await jobs.complete(connection, self.job, self.attempt, claimed_at=claimed_at):
                    raise LeaseLostError("the job is gone: what the handler wrote is rolled back")
                reach(Failpoint.BEFORE_COMPLETING_COMMIT)
            reach(Failpoint.AFTER_COMPLETING_COMMIT)
            self.completion.stage = Completing.COMMITTED
        finally:
            if self.completion.stage is Completing.OPEN:
                self.completion.stage = Completing.UNUSED

    async def _of_submission(self) -> Transcript:
        """Return the transcript in a submission's result, which was kept before the event was written."""
        result = await archive.kept(self.db, self._subject(), "result")
        if result is None:
            raise GiveUp("the result of its submission is not kept")
        operation = str(self.event.data["submission"]["operation"])
        return await archive.transcript_in(type(cast("Source", self.client)), operation, result)

    def _subject(self) -> Subject:
        transcription, (source, api_url, _) = self.event.transcription, self.account
        if transcription.id is None:
            raise GiveUp("the event names no transcription")
        return Subject(source, api_url, transcription.id, transcription.completed_at or "")
