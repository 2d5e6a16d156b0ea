"""A console on a fresh database. Its clients speak to the application itself, without a socket."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.console.asked import Asked, Person


@pytest_asyncio.fixture
async def asked(receiver_database: str, own_environment: None) -> AsyncIterator[Asked]:  # noqa: ARG001 - it must be clean
    """Yield a console without handlers."""
    found = Asked(receiver_database)
    yield found
    await found.close()


@pytest_asyncio.fixture
async def operator(asked: Asked) -> Person:
    """Return an operator of that console."""
    return await asked.operator()
