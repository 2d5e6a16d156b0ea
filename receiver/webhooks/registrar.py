"""Register the webhook when a process starts, and try again until the provider accepts."""

import asyncio
import logging
from dataclasses import dataclass
from functools import partial

from receiver.database import TROUBLE, Connection, Connections
from receiver.errors import ImpossibleError, ReceiverError
from receiver.providers import TranscribeSo
from receiver.providers.opening import open_provider
from receiver.settings import Settings
from receiver.webhooks import registration
from receiver.webhooks.outcome import Outcome

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses, in seconds.

    Attributes:
        once: how long a try can take.
        trouble: the pause after a failure that might be temporary.
        refusal: the pause after a refusal.
    """

    once: float = 300.0
    trouble: float = 60.0
    refusal: float = 3600.0


class Registrar:
    """Registers the configured webhook, if a key and `PUBLIC_URL` are set.

    Args:
        configured: the settings: the account, and the address of the webhook.
        url: the URL of the database.
        pauses: how long a try can take, and how long the pauses are.

    Attributes:
        is_refused: whether the provider refused the last try, or delivers to another address.
    """

    def __init__(self, configured: Settings, url: str, *, pauses: Pauses | None = None) -> None:
        self._configured = configured
        self._url = url
        self._pauses = pauses or Pauses()
        self.is_refused = False

    async def keep(self) -> None:
        """Register, and return once the webhook is registered. Without a key or a `PUBLIC_URL`, do nothing."""
        webhook_url = self._configured.webhook_url
        if self._configured.api_key is None or webhook_url is None:
            return
        while True:
            try:
                log.info("%s", (await self._register(webhook_url)).sentence)
            except ImpossibleError as exc:
                # A later try might succeed: a person might delete the other webhook, or register by hand. A NOTIFY does
                # not end the pause, because our own refused intent sends one.
                self.is_refused, pause = True, self._pauses.refusal
                log.error("not registered: %s; retrying in %g s", exc, pause)
            except Exception as exc:
                pause = self._pauses.trouble
                trace = None if isinstance(exc, (ReceiverError, *TROUBLE)) else exc
                log.warning("not registered yet: %s; retrying in %g s", exc, pause, exc_info=trace)
            else:
                self.is_refused = False
                return
            await asyncio.sleep(pause)

    async def _register(self, webhook_url: str) -> Outcome:
        # Not `registration.connected`: this process stays, and a server that hangs must not hold it.
        connections = Connections(self._url, size=1)
        try:
            async with open_provider(self._configured, self._url) as provider:
                work = partial(self._try, provider=provider, webhook_url=webhook_url)
                return await connections.run(work, seconds=self._pauses.once)
        finally:
            connections.close()

    async def _try(self, connection: Connection, *, provider: TranscribeSo, webhook_url: str) -> Outcome:
        return await registration.register_if_needed(connection, provider, self._configured.account(), webhook_url)
