"""Open the client of the configured API, with the budget that all processes on a database share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from receiver.database import Connections
from receiver.providers import TranscribeSo, budget
from receiver.providers.budget import SharedBudget
from receiver.providers.transcribe_so import RETRY_SECONDS
from receiver.settings import Settings


@asynccontextmanager
async def open_provider(
    configured: Settings, url: str | None, *, retries: tuple[float, ...] = RETRY_SECONDS
) -> AsyncIterator[TranscribeSo]:
    """Open the client of the configured API. All processes on the same database share its budget.

    Without a database (`url` is None) the client has a budget of its own.
    """
    if url is None or configured.api_key is None:
        async with TranscribeSo(configured.api_url, configured.api_key, retries=retries) as provider:
            yield provider
        return
    connections = Connections(url, size=2, statement_seconds=budget.STATEMENT_SECONDS / 2)
    account = configured.account()
    shared = SharedBudget(connections, api_url=account.api_url, key_fingerprint=account.key_fingerprint)
    try:
        async with TranscribeSo(configured.api_url, configured.api_key, retries=retries, budget=shared) as provider:
            yield provider
    finally:
        connections.close()
