"""`receiver.server.connections`: many unknown clients connect, and no delivery is turned away because of them."""

import asyncio
import errno
import os
import resource
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from receiver import database
from receiver.database.embedded import attach
from receiver.server import bind, connections
from receiver.server.bounds import SERVICE
from receiver.server.connections import RESERVED, Acceptor, Callers, allowed
from receiver.server.turns import Rank
from receiver.web import body
from tests.faults.hostile import Client, Statements, Strangers, deliver
from tests.faults.strangers import CROWDS, MANY
from tests.processes import Process, Processes, completed, free_port, linux, until
from tests.server.wire import Connection, Web, catch_up, delivery, event, head, serving

HELD = 80
HOLD = f"""
import os, sys
for number in range(60, 60 + {HELD}): os.dup2(0, number)
os.execv(sys.argv[1], sys.argv[1:])
"""

FEW = 8
BOUNDS = replace(SERVICE, connections=FEW, between_lines=3600)


async def connect(web: Web, stack: AsyncExitStack, said: bytes = b"") -> Connection:
    """Return a connection that the server has accepted, and that the stack closes."""
    client = await stack.enter_async_context(web.connected())
    if said:
        await client.send(said)
    await asyncio.sleep(0.02)
    await catch_up()  # on a busy machine nothing may have happened so far
    return client


async def is_taken(client: Connection) -> bool:
    await client.send(delivery(event()))
    return (await client.answer()).said == (200, "stored")


async def is_open(client: Connection) -> bool:
    """Return whether the server has left a connection open."""
    ending = asyncio.ensure_future(client.reader.read())
    await asyncio.wait({ending}, timeout=0.1)
    return ending.cancel()


# --- at the bound ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [b"", b"POST /web", head(b" " * body.BODY_BYTES) + b" " * (body.BODY_BYTES - 1)],
    ids=["nothing", "half a head", "half a body"],
)
async def test_who_has_waited_longest_makes_room_for_who_comes(said: bytes, receiver_database: str) -> None:
    async with serving(receiver_database, BOUNDS) as web, AsyncExitStack() as stack:
        waiting = [await connect(web, stack, said) for _ in range(FEW)]
        assert await is_taken(await connect(web, stack))
        assert [await is_open(client) for client in waiting] == [False, *[True] * (FEW - 1)]


async def test_a_delivery_under_way_is_never_closed(receiver_database: str) -> None:
    """If all connections are busy, the next one waits, and loses nothing."""
    async with serving(receiver_database, BOUNDS) as web, AsyncExitStack() as stack:
        blocking = await database.connect(receiver_database)
        async with blocking.transaction():
            await blocking.execute("lock table receiver.events")
            clients = [await connect(web, stack, delivery(event())) for _ in range(FEW + 4)]
        assert [(await client.answer()).said for client in clients] == [(200, "stored")] * (FEW + 4)
        await blocking.close()


async def test_who_has_delivered_stays_while_strangers_come(receiver_database: str) -> None:
    async with serving(receiver_database, BOUNDS) as web, AsyncExitStack() as stack:
        known = await connect(web, stack)
        assert await is_taken(known)
        for _ in range(3 * FEW):
            await connect(web, stack)
        assert await is_taken(known)


async def test_where_all_have_delivered_the_next_is_taken_too(receiver_database: str) -> None:
    async with serving(receiver_database, BOUNDS) as web, AsyncExitStack() as stack:
        for _ in range(2 * FEW):
            assert await is_taken(await connect(web, stack))


async def test_closing_for_others_is_said_once_and_not_once_for_each(
    receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(receiver_database, BOUNDS) as web, AsyncExitStack() as stack:
        for _ in range(3 * FEW):
            await connect(web, stack)
        assert await is_taken(await connect(web, stack))
        assert len(_said(caplog)) == 1
    assert _said(caplog) == [  # at the latest at the end
        f"more than 8 connections: closed {closed} that waited for their client" for closed in (1, 2 * FEW)
    ]


def _said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "receiver.server.connections"]


async def test_stopping_lets_a_delivery_that_stands_in_line_be_stored(
    receiver_database: str,
) -> None:
    nobody = replace(SERVICE, turns=0)  # nobody ever has a turn
    async with serving(receiver_database, nobody) as web, AsyncExitStack() as stack:
        client = await connect(web, stack, delivery(event()))
        web.stop.set()
        assert (await client.answer()).said == (200, "stored")
        assert await client.end() == b""


# --- whom to close ---------------------------------------------------------------------------------------------------


class Line(asyncio.Transport):
    """A connection that notes when it is closed."""

    def __init__(self, closed: "list[Line]") -> None:
        super().__init__()
        self._closed = closed

    def abort(self) -> None:
        self._closed.append(self)


def test_the_last_rank_is_closed_first_and_of_each_who_was_not_heard_for_longest() -> None:
    clients, closed = Callers(), list[Line]()
    known, new, others = ([Line(closed) for _ in range(count)] for count in (3, 20, 3))
    for connection in (*known, *new, *others):
        clients.note_busy(connection)
    for rank, these in zip(Rank, (known, new, others), strict=True):
        for connection in these:
            clients.note_waiting(connection, rank)
    clients.note_waiting(others[0], Rank.OTHER)  # its client sent something again
    clients.note_busy(others[1])
    while clients.close_longest_waiting():
        pass
    assert closed == [others[2], others[0], *new[: len(closed) - 2]]


def test_the_newest_are_left() -> None:
    """Their bytes might not have been read yet."""
    clients, closed = Callers(), list[Line]()
    for _ in range(connections.UNREAD):
        clients.note_waiting(Line(closed), Rank.NEW)
        clients.note_busy(Line(closed))
    assert not clients.close_longest_waiting()
    clients.note_waiting(Line(closed), Rank.NEW)
    assert clients.close_longest_waiting()
    assert not clients.close_longest_waiting()


def test_who_has_delivered_is_left_unless_most_have() -> None:
    clients, closed = Callers(), list[Line]()
    for _ in range(3):
        clients.note_waiting(Line(closed), Rank.KNOWN)
        clients.note_busy(Line(closed))
    assert not clients.close_longest_waiting()
    clients.note_waiting(Line(closed), Rank.KNOWN)
    assert clients.close_longest_waiting()
    assert not clients.close_longest_waiting()


# --- descriptors -----------------------------------------------------------------------------------------------------


def test_the_limit_of_descriptors_is_raised_as_far_as_needed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, before[1]))
        assert allowed(SERVICE.connections) == SERVICE.connections
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (SERVICE.connections + RESERVED, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_where_there_are_few_descriptors_for_good_there_are_fewer_connections() -> None:
    """At least half of few descriptors are allowed, and a handful is left for everything else."""
    asked = """
import resource
from receiver.server.bounds import SERVICE
from receiver.server.connections import allowed
for limit in (800, 150, 64):
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    print(allowed(SERVICE.connections))
"""
    ran = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["700", "75", "32"]


def test_free_descriptors_are_counted_below_the_limit_and_up_to_what_is_asked() -> None:
    counted = """
import os, resource
from receiver.server import connections
from receiver.server.connections import free
resource.setrlimit(resource.RLIMIT_NOFILE, (50, 50))
there = free(50, most=50)
print(free(connections.LARGEST, most=9), free(50, most=7), there - free(there, most=50) == 50 - there)
taken = [os.dup(0) for _ in range(there - 3)]
print(free(50, most=50), free(20, most=50))
os.close(taken[0])  # wherever it is
print(free(50, most=50))
"""
    ran = subprocess.run([sys.executable, "-c", counted], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["9 7 True", "3 0", "4"]


class Exhausted(socket.socket):
    """A listener of a system that has nothing left for another connection."""

    def accept(self) -> tuple[socket.socket, Any]:
        raise OSError(errno.ENFILE, os.strerror(errno.ENFILE))


async def test_where_the_system_has_nothing_left_half_of_those_that_wait_are_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Their descriptors are for the database and the spool; new connections do not get them back at once."""
    clients, closed = Callers(), list[Line]()
    with Exhausted() as listener, socket.socket() as knocking:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        acceptor = Acceptor(listener, asyncio.Protocol, clients, most=SERVICE.connections, bounds=SERVICE)
        for _ in range(20):
            clients.note_waiting(Line(closed), Rank.OTHER)
        knocking.connect(listener.getsockname())
        while not closed:  # noqa: ASYNC110 - the kernel cannot call us
            await asyncio.sleep(0)
        assert len(closed) == len(clients) == 10
        for _ in range(20):
            clients.note_waiting(Line(closed), Rank.OTHER)
        while len(clients) > 10:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.01)
        await acceptor.close()
    assert "no connection can be accepted (Too many open files in system): closed 1 that" in caplog.text


# --- several processes on one listener -------------------------------------------------------------------------------


class Counting(socket.socket):
    """A listener that counts what it has accepted, and knows whether the last look found none."""

    accepted, is_empty = 0, False

    def accept(self) -> tuple[socket.socket, Any]:
        self.is_empty = True
        found = super().accept()
        self.is_empty = False
        self.accepted += 1
        return found


class Closing(asyncio.Protocol):
    """Closes its connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


@pytest.mark.parametrize("held", [0, 400])
async def test_who_shares_a_listener_takes_a_few_and_leaves_the_next_ones_to_the_others(held: int) -> None:
    loop, seen, clients = asyncio.get_running_loop(), list[int](), Callers()
    for _ in range(held):
        clients.note_waiting(asyncio.Transport(), Rank.KNOWN)
    with ExitStack() as stack:
        listener = Counting(fileno=bind("127.0.0.1", free_port()).detach())
        another = stack.enter_context(listener.dup())
        another.settimeout(0)

        def take_one() -> None:
            with suppress(BlockingIOError):
                stack.enter_context(another.accept()[0])
                seen.append(listener.accepted)

        acceptor = Acceptor(listener, Closing, clients, most=SERVICE.connections, bounds=replace(SERVICE, shared=True))
        for _ in range(60):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        async with asyncio.timeout(5):
            while not (listener.accepted and listener.is_empty):  # noqa: ASYNC110 - the kernel cannot call us
                await asyncio.sleep(0)
        for _ in range(60):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        loop.add_reader(another, take_one)
        while listener.accepted + len(seen) < 120:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0)
        loop.remove_reader(another)
        await acceptor.close()
        await catch_up()
    assert next(count for count in seen if count > 60) - 60 <= connections.SHARED_AT_ONCE
    assert 60 < listener.accepted < 60 + len(seen)  # in each round the other takes one


def descriptors(process: Process) -> list[int]:
    return [int(one.name) for one in Path(f"/proc/{process.popen.pid}/fd").iterdir()]


def limit(process: Process, count: int) -> None:
    """Lower the limit of a process, which can raise it again."""
    pid, kind = process.popen.pid, resource.RLIMIT_NOFILE
    resource.prlimit(pid, kind, (count, resource.prlimit(pid, kind)[1]))


def left(process: Process, count: int) -> int:
    """Return how many descriptors a process with a limit of `count` can still have."""
    return count - sum(1 for number in descriptors(process) if number < count)


@linux
def test_strangers_take_all_descriptors_in_vain(processes: Processes) -> None:
    """Clients take all connections that they get. The limit is lowered while they are idle, and while more come."""
    processes.run("migrate")
    port = free_port()
    with attach(processes.folder / ".receiver", create=False):  # the database's own need more than these
        web = processes.start("serve", PORT=str(port))
        web.until_logged("listening on")
        with ExitStack() as stack:
            for _ in range(60):
                client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
                client.sendall(b"GET /healthz HTTP/1.1\r\nHost: web\r\n\r\n")  # the connection is then kept for 75 s
                assert client.recv(1) == b"H"
            limit(web, 60)
            until(lambda: left(web, 60) >= 15, "a quarter is free, though nobody came")
        limit(web, 150)
        with Strangers(port, "idle", seconds=60, connections=200):
            until(lambda: len(descriptors(web)) > 90, "75 are taken")
            assert deliver(port, seconds=1).answers == {"200": 20}
            assert len(descriptors(web)) < 110
            limit(web, 60)
            until(lambda: left(web, 60) >= 15, "a quarter is free")
            for burst in range(5):
                assert at_once(port, first=100 + 10 * burst) == ["200"] * 10
            assert deliver(port, seconds=1, first=200).answers == {"200": 20}
            until(lambda: len(descriptors(web)) <= 60, "those beyond the limit are closed")


@linux
def test_what_else_holds_descriptors_leaves_fewer_to_strangers(processes: Processes) -> None:
    """The limit alone would allow 75 connections, but there are descriptors for about twenty."""
    processes.run("migrate")
    with attach(processes.folder / ".receiver", create=False):
        processes.by = (sys.executable, "-c", HOLD)
        web = processes.serve()
        assert len(descriptors(web)) > HELD
        assert deliver(web.port, seconds=0.1).answers == {"200": 2}  # so it has set its limit, and lowering it counts
        limit(web, 150)
        with Strangers(web.port, "idle", seconds=60, connections=200):
            until(lambda: len(descriptors(web)) > 110, "strangers took what they may have")
            assert deliver(web.port, seconds=1).answers == {"200": 20}
        web.end()  # and writes every line that it had not written yet
    assert "no connection can be accepted" not in web.log  # no connection was accepted without a descriptor


def at_once(port: int, *, first: int) -> list[str]:
    """Deliver ten events over ten new connections, and return the status of each answer."""
    client = Client(port)
    with ThreadPoolExecutor(10) as pool:
        bodies = [completed(f"evt_{first + number}") for number in range(10)]
        return [status for status, _ in pool.map(lambda body: client.deliver(body, kept=False), bodies)]


# --- the short form of tests/faults/test_hostile.py ------------------------------------------------------------------


@linux
def test_a_crowd_and_a_flood_cost_no_delivery_and_next_to_no_statement(processes: Processes) -> None:
    processes.run("migrate")
    web, seconds = processes.serve(), 2.0
    statements, lines, began = Statements(processes), len(web.log.splitlines()), time.monotonic()
    with ExitStack() as stack:
        for kind in CROWDS:
            stack.enter_context(Strangers(web.port, kind, seconds=60, connections=50))
        flood = stack.enter_context(Strangers(web.port, "kept", seconds=seconds, connections=150, rate=1000))
        outcome = deliver(web.port, seconds=seconds)
        refused = flood.seen()["401"]
    assert outcome.answers == {"200": seconds * 20}
    assert refused > MANY
    asked, said = statements.for_strangers(outcome.answers.total()), len(web.log.splitlines()) - lines
    took = time.monotonic() - began  # a second has a reading and a capture, ten seconds have a line of each kind
    assert asked <= 2 * (took + 2)
    assert said <= 3 * (1 + took // 10)
