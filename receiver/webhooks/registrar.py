"""Register an account's webhook: once, or from the start of a process until the provider accepts."""

import asyncio
import logging
from dataclasses import dataclass

from receiver.database import TROUBLE, Connection, Connections, migrations
from receiver.errors import ImpossibleError, ReceiverError
from receiver.providers import TranscribeSo, opening
from receiver.providers.opening import open_client
from receiver.settings import Settings
from receiver.webhooks import registration
from receiver.webhooks.outcome import RegistrationOutcome
from receiver.webhooks.secrets import lacking

log = logging.getLogger(__name__)

TRY_SECONDS = 300.0
CONNECTIONS = 1 + opening.CONNECTIONS  # of a try


@dataclass(frozen=True, slots=True)
class Pauses:
    """Pauses, in seconds.

    Attributes:
        trouble: the pause after a failure that might be temporary.
        refusal: the pause after a refusal.
    """

    trouble: float = 60.0
    refusal: float = 3600.0


async def register_now(
    configured: Settings, url: str, *,
    given: str | None = None, rotate: bool = False, delete_first: bool = False, take_over: bool = True,
) -> RegistrationOutcome:  # fmt: skip
    """Register the webhook of the chosen account. A database that hangs cannot hold the caller.

    Args:
        configured: the settings: the account, and by default the address.
        url: the URL of the database.
        given: where the provider should deliver, with or without our path; None means below `PUBLIC_URL`.
        rotate: as for `registration.register`, like the others.
        delete_first: the same.
        take_over: the same.

    Raises:
        ImpossibleError: there is no address or no key; or as for `registration.register`.
        SchemaError: the database's schema is older than this code.
        StoreUnavailableError: the database is away, or the try took too long.
        BusyError, ProviderError: as for `registration.register`.
    """
    address, account = registration.address(configured, given), configured.account()
    connections = Connections(url, size=1)
    try:
        async with open_client(TranscribeSo, account, url) as provider:

            async def register(connection: Connection) -> RegistrationOutcome:
                await migrations.require(connection)
                return await registration.register(
                    connection, provider, account, address,
                    rotate=rotate, delete_first=delete_first, take_over=take_over,
                )  # fmt: skip

            return await connections.run(register, seconds=TRY_SECONDS)
    finally:
        connections.close()


class Registrar:
    """Registers the webhook of the chosen account, if its key and `PUBLIC_URL` are set.

    Args:
        configured: the settings: the account, and the address of its webhook.
        url: the URL of the database.
        pauses: between two tries.

    Attributes:
        account: the account.
        is_refused: whether the provider refused the last try, or delivers to another address.
    """

    def __init__(self, configured: Settings, url: str, *, pauses: Pauses | None = None) -> None:
        self._configured = configured
        self._url = url
        self._pauses = pauses or Pauses()
        self.account = configured.chosen
        self.is_refused = False

    async def keep(self) -> None:
        """Register, and return once the webhook is registered. Without a key or a `PUBLIC_URL`, do nothing."""
        if lacking(self._configured):
            return
        while True:
            try:
                log.info("%s", (await register_now(self._configured, self._url, take_over=False)).sentence)
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
