"""Hold the token of a client of a source, and issue the next one in time: once for all that ask with it.

    usable? ──yes──▶ it is sent
       └──no, or it was refused──▶ lease ──▶ issue ──▶ keep: whoever waits for the lease has it too

A token is replaced when most of its life is over, or when the provider refuses it. Whoever waits for a lease never
holds a connection or a lock, and a process that dies with a lease delays the others only until the lease is over.

Without a token nothing was sent. So an error of this module never says that work might have been done, whatever became
of the request for the token.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from pydantic import SecretStr

from receiver.database import Connection, Connections, query
from receiver.errors import (
    InvalidRequest,
    NoTurn,
    ProviderUnavailable,
    StoreUnavailableError,
    Unauthenticated,
)
from receiver.providers.budget import STATEMENT_SECONDS
from receiver.providers.tries import NO_TOKEN, NO_TURN, NOTHING_SENT

SHARE = 0.9  # of its life: how long a token is used
LEASE = timedelta(seconds=60)
WAIT_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, and how long it lives."""

    token: SecretStr
    life: timedelta


class Tokens(Protocol):
    """Where the token of one client is kept. `refused` is a token that the provider refuses."""

    async def usable(self, refused: SecretStr | None) -> SecretStr | None:
        """Return the token; None if there is none that can be used."""

    async def lease(self, refused: SecretStr | None) -> bool:
        """Return whether the caller is to issue the next token now."""

    async def keep(self, issued: Issued) -> None:
        """Keep a token, and end the lease."""

    async def release(self) -> None:
        """End the lease without a token."""


class OwnTokens:
    """The token of a single client, such as a script without a database."""

    def __init__(self) -> None:
        self._token: SecretStr | None = None
        self._used_until = 0.0

    async def usable(self, refused: SecretStr | None) -> SecretStr | None:
        """See `Tokens`."""
        return None if self._token == refused or time.monotonic() >= self._used_until else self._token

    async def lease(self, _: SecretStr | None) -> bool:
        """See `Tokens`."""
        return True

    async def keep(self, issued: Issued) -> None:
        """See `Tokens`."""
        self._token, self._used_until = issued.token, time.monotonic() + issued.life.total_seconds() * SHARE

    async def release(self) -> None:
        """See `Tokens`."""


class SharedTokens:
    """The token of one client over all processes of a database, by the database's clock.

    Args:
        connections: run each statement with a deadline.
        api_url: the API of the client.
        client: the fingerprint of what the token is asked for with.
    """

    def __init__(self, connections: Connections, *, api_url: str, client: str) -> None:
        self._connections = connections
        self._key = (api_url, client)

    async def usable(self, refused: SecretStr | None) -> SecretStr | None:
        """See `Tokens`."""

        async def statement(connection: Connection) -> str | None:
            found: str | None = await connection.fetchval(
                query("providers/read_token"), *self._key, _text(refused), SHARE
            )
            return found

        found = await self._connections.run(statement, seconds=STATEMENT_SECONDS)
        return None if found is None else SecretStr(found)

    async def lease(self, refused: SecretStr | None) -> bool:
        """See `Tokens`."""

        async def statement(connection: Connection) -> bool:
            given = (*self._key, _text(refused), SHARE, LEASE)
            return await connection.fetchval(query("providers/lease_token"), *given) is not None

        return await self._connections.run(statement, seconds=STATEMENT_SECONDS)

    async def keep(self, issued: Issued) -> None:
        """See `Tokens`."""

        async def statement(connection: Connection) -> None:
            await connection.execute(query("providers/keep_token"), *self._key, _text(issued.token), issued.life)

        await self._connections.run(statement, seconds=STATEMENT_SECONDS)

    async def release(self) -> None:
        """See `Tokens`."""

        async def statement(connection: Connection) -> None:
            await connection.execute(query("providers/release_token"), *self._key)

        await self._connections.run(statement, seconds=STATEMENT_SECONDS)


class Bearer:
    """The token that a client sends.

    Args:
        tokens: keeps it.
        issue: asks the provider for a new one.
    """

    def __init__(self, tokens: Tokens, issue: Callable[[], Awaitable[Issued]]) -> None:
        self._tokens = tokens
        self._issue = issue
        self._alone = asyncio.Lock()  # one of this client's requests asks for all of them

    async def token(self, *, refused: SecretStr | None = None) -> SecretStr:
        """Return a token that can be used, other than the one that was `refused`.

        Raises:
            ProviderError: there is none. Nothing was sent; the error says so.
        """
        try:
            found = await self._tokens.usable(refused)
            if found is not None:
                return found
            async with self._alone:
                while (found := await self._tokens.usable(refused)) is None:
                    if await self._tokens.lease(refused):
                        return (await self.renew()).token
                    await asyncio.sleep(WAIT_SECONDS)
                return found
        except StoreUnavailableError as exc:
            raise NoTurn(f"no token could be read: {exc}", code=NO_TURN) from exc

    async def renew(self) -> Issued:
        """Issue a token, whether or not there is one, and keep it.

        Raises:
            ProviderError: as for `token`.
        """
        try:
            issued = await self._issue()
        except BaseException as exc:
            with suppress(StoreUnavailableError):
                await self._tokens.release()
            if isinstance(exc, InvalidRequest):  # the same request will succeed with another key or client
                message = f"no token is issued: {exc.message}"
                raise Unauthenticated(message, code=exc.code, status=exc.status) from exc
            if isinstance(exc, ProviderUnavailable) and exc.code not in NOTHING_SENT:
                raise ProviderUnavailable(f"no token is issued: {exc}", code=NO_TOKEN) from exc
            raise
        with suppress(StoreUnavailableError):  # it can be used all the same
            await self._tokens.keep(issued)
        return issued


def _text(token: SecretStr | None) -> str | None:
    return None if token is None else token.get_secret_value()
