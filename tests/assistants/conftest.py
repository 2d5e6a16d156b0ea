"""An assistant, without handlers, on a fresh database."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.assistants.asking import Assistant, assistant


@pytest_asyncio.fixture
async def asker(receiver_database: str, own_environment: None) -> AsyncIterator[Assistant]:  # noqa: ARG001 - it must be clean
    """Yield an assistant."""
    async with assistant(receiver_database) as found:
        yield found
