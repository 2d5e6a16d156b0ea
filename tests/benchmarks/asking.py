"""Statements to a database, from outside of any loop."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg

T = TypeVar("T")


def sql(url: str, statement: str) -> list[Any]:
    """Run a statement and return its rows."""

    async def ask() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            return list(await connection.fetch(statement))
        finally:
            await connection.close()

    return at_once(ask())


def execute(url: str, statements: str) -> None:
    """Run some statements."""

    async def tell() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    at_once(tell())


@contextmanager
def snapshot(url: str) -> Iterator[None]:
    """Hold a snapshot of a database while the context is open."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        connection = runner.run(asyncpg.connect(url))
        runner.run(connection.execute("begin isolation level repeatable read; select count(*) from receiver.jobs"))
        yield
        runner.run(connection.close())


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(work)
