"""Register by itself, as often as it takes."""

import asyncio
import logging
from dataclasses import dataclass
from functools import partial

from asyncpg import PostgresError

from receiver import registration
from receiver.cli.running import open_provider
from receiver.database import AWAY, Connection, Connections
from receiver.errors import ImpossibleError, ReceiverError
from receiver.health import Finding
from receiver.providers import TranscribeSo
from receiver.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pauses:
    """How many seconds a try may take, and when the next one follows: after trouble that may pass, after a refusal."""

    once: float = 300.0
    trouble: float = 60.0
    refusal: float = 3600.0


class Registrar:
    """Registers the configured webhook, when key and `PUBLIC_URL` are there."""

    def __init__(self, configured: Settings, url: str, *, pauses: Pauses | None = None) -> None:
        self._configured = configured
        self._url = url
        self._pauses = pauses or Pauses()
        self._refused = False

    def findings(self) -> list[Finding]:
        """Say that it stays unregistered. It is advice: deliveries are taken with the secrets that are known."""
        if not self._refused:
            return []
        todo = "the log says why; see `receiver register`"
        return [Finding("registration", holds=True, seen="the provider refuses it, or delivers elsewhere", todo=todo)]

    async def keep(self) -> None:
        """Register, and return when that is done or nothing is to be done."""
        callback_url = self._configured.callback_url
        if self._configured.api_key is None or callback_url is None:
            return
        while True:
            try:
                log.info("%s", await self._register(callback_url))
            except ImpossibleError as exc:
                # It may still pass: somebody deletes the other webhook, or registers by hand. Not at a NOTIFY: our own
                # refused intent sends one.
                self._refused, pause = True, self._pauses.refusal
                log.error("not registered: %s; again in %g s", exc, pause)
            except Exception as exc:
                pause = self._pauses.trouble
                trace = None if isinstance(exc, (ReceiverError, PostgresError, *AWAY)) else exc
                log.warning("not registered yet: %s; again in %g s", exc, pause, exc_info=trace)
            else:
                self._refused = False
                return
            await asyncio.sleep(pause)

    async def _register(self, callback_url: str) -> str:
        connections = Connections(self._url, size=1)
        try:
            async with open_provider(self._configured, self._url) as provider:
                work = partial(self._ask, provider=provider, callback_url=callback_url)
                return await connections.run(work, seconds=self._pauses.once)
        finally:
            connections.close()

    async def _ask(self, connection: Connection, *, provider: TranscribeSo, callback_url: str) -> str:
        whose = registration.account(self._configured)
        return await registration.register_if_needed(connection, provider, whose, callback_url)
