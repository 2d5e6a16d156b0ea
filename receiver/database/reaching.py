"""How a server is reached that may have several addresses, each of which may hang: one after the other, in shares."""

import asyncio
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from receiver.database import hosts
from receiver.database.hosts import Address

T = TypeVar("T")

LEAST_SECONDS = 0.05


class Towards:
    """An event loop that connects to an address where asyncpg names a host, by which it checks a certificate.

    What else asyncpg keeps of a host, to cancel a statement with and to find a password, stays with the name too.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, number: str) -> None:
        self._loop = loop
        self._number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def __eq__(self, other: object) -> bool:
        return bool(self._loop == other)

    def __hash__(self) -> int:  # a loop's current task is found by it
        return hash(self._loop)

    async def create_connection(self, factory: Any, host: str, port: int, **options: Any) -> Any:
        """Connect to the address, and expect who has the name."""
        if options.get("ssl"):
            options["server_hostname"] = host
        return await self._loop.create_connection(factory, self._number, port, **options)


def shared(places: Sequence[T], end: float) -> Iterator[tuple[T, float]]:
    """Yield each with the time by which to have done with it: all get the same share of what is left."""
    for number, place in enumerate(places):
        now = time.monotonic()
        yield place, now + max(LEAST_SECONDS, (end - now) / (len(places) - number))


async def resolved(named: Address, end: float) -> list[Address]:
    """Return an address for each that a host's name has."""
    if named.is_socket or named.number or hosts.is_number(named.host):
        return [named]
    async with asyncio.timeout(max(LEAST_SECONDS, end - time.monotonic())):
        found = await asyncio.get_running_loop().getaddrinfo(named.host, named.port, type=socket.SOCK_STREAM)
    numbers = [f"{one[0]}%{one[3]}" if len(one) > 2 and one[3] else str(one[0]) for *_, one in found]  # noqa: PLR2004
    return [replace(named, number=number) for number in dict.fromkeys(numbers)]
