"""A server that a file's tests share, and a clock that they put forward."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from receiver.testing import TEMPLATE, Server
from tests.server.wire import Clock, Web, serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def web(receiver_server: Server) -> AsyncIterator[Web]:
    url = receiver_server.create("receiver_test_wire", "--template", TEMPLATE)
    async with serving(url) as running:
        yield running
    receiver_server.drop("receiver_test_wire")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_clock() -> Clock:
    """The loop keeps this clock: with its own clock back, timers that are due soon would be due much later."""
    return Clock(asyncio.get_running_loop())


@pytest.fixture
def clock(module_clock: Clock) -> Iterator[Clock]:
    """Yield the clock, standing still."""
    module_clock.stop()
    yield module_clock
    module_clock.go_on()
