"""Try the addresses of a server one after the other. Each gets a share of the time, because each can hang."""

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
    """An event loop that connects to an IP address, while asyncpg knows only the host's name.

    So asyncpg checks the certificate by the name, finds a password by the name, and cancels statements by the name.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, number: str) -> None:
        self._loop = loop
        self._number = number

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def __eq__(self, other: object) -> bool:
        return bool(self._loop == other)

    def __hash__(self) -> int:  # asyncio finds the current task by its loop's hash
        return hash(self._loop)

    async def create_connection(self, factory: Any, host: str, port: int, **options: Any) -> Any:
        """Connect to the IP address, and expect a certificate with the host's name."""
        if options.get("ssl"):
            options["server_hostname"] = host
        return await self._loop.create_connection(factory, self._number, port, **options)


def shared(places: Sequence[T], end: float) -> Iterator[tuple[T, float]]:
    """Yield each place and its deadline. Every place gets an equal share of the time that is left."""
    for number, place in enumerate(places):
        now = time.monotonic()
        yield place, now + max(LEAST_SECONDS, (end - now) / (len(places) - number))


async def resolved(named: Address, end: float) -> list[Address]:
    """Return the IP addresses of a host name, each as an `Address` with its number."""
    if named.is_socket or named.number or hosts.is_number(named.host):
        return [named]
    async with asyncio.timeout(max(LEAST_SECONDS, end - time.monotonic())):
        found = await asyncio.get_running_loop().getaddrinfo(named.host, named.port, type=socket.SOCK_STREAM)
    # An IPv6 address has four parts; the last is its scope.
    numbers = [f"{peer[0]}%{peer[3]}" if len(peer) > 2 and peer[3] else str(peer[0]) for *_, peer in found]  # noqa: PLR2004
    return [replace(named, number=number) for number in dict.fromkeys(numbers)]
