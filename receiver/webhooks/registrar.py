"""Register by itself, as often as it takes."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial

from receiver.database import TROUBLE, Connection, Connections
from receiver.errors import ImpossibleError, ReceiverError
from receiver.providers import TranscribeSo
from receiver.settings import Settings
from receiver.webhooks import registration

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pauses:
    """How many seconds a try may take, and when the next one follows: after trouble that may pass, after a refusal."""

    once: float = 300.0
    trouble: float = 60.0
    refusal: float = 3600.0


class Registrar:
    """Registers the configured webhook, when key and `PUBLIC_URL` are there.

    Args:
        configured: says whose webhook, and where it delivers.
        url: the database.
        open_provider: opens the client of the configured API, for one try.
        pauses: how long a try may take, and the pauses between them.

    Attributes:
        is_refused: whether the last try was refused, or the provider delivers elsewhere.
    """

    def __init__(
        self,
        configured: Settings,
        url: str,
        open_provider: Callable[[], AbstractAsyncContextManager[TranscribeSo]],
        *,
        pauses: Pauses | None = None,
    ) -> None:
        self._configured = configured
        self._url = url
        self._open_provider = open_provider
        self._pauses = pauses or Pauses()
        self.is_refused = False

    async def keep(self) -> None:
        """Register, and return when that is done or nothing is to be done."""
        webhook_url = self._configured.webhook_url
        if self._configured.api_key is None or webhook_url is None:
            return
        while True:
            try:
                log.info("%s", await self._register(webhook_url))
            except ImpossibleError as exc:
                # It may still pass: somebody deletes the other webhook, or registers by hand. Not at a NOTIFY: our own
                # refused intent sends one.
                self.is_refused, pause = True, self._pauses.refusal
                log.error("not registered: %s; again in %g s", exc, pause)
            except Exception as exc:
                pause = self._pauses.trouble
                trace = None if isinstance(exc, (ReceiverError, *TROUBLE)) else exc
                log.warning("not registered yet: %s; again in %g s", exc, pause, exc_info=trace)
            else:
                self.is_refused = False
                return
            await asyncio.sleep(pause)

    async def _register(self, webhook_url: str) -> str:
        connections = Connections(self._url, size=1)
        try:
            async with self._open_provider() as provider:
                work = partial(self._ask, provider=provider, webhook_url=webhook_url)
                return await connections.run(work, seconds=self._pauses.once)
        finally:
            connections.close()

    async def _ask(self, connection: Connection, *, provider: TranscribeSo, webhook_url: str) -> str:
        return await registration.register_if_needed(connection, provider, self._configured.account(), webhook_url)
