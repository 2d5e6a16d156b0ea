"""Run the server: over the standard streams until they end, or over HTTP on this machine until it is told to end."""

import asyncio
import logging
import socket
from dataclasses import replace
from typing import Any, cast

from mcp.server.stdio import stdio_server
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount

from receiver.assistants import protocol
from receiver.assistants.gate import MOST_BYTES, PATH, Gate
from receiver.assistants.state import State
from receiver.assistants.stdio import Asked, Lines, Output
from receiver.server import serve
from receiver.server.bounds import SERVICE

__all__ = ["PATH", "answer", "speak"]

BOUNDS = replace(SERVICE, connections=100)


async def speak(state: State, source: int, target: int, stop: asyncio.Event) -> None:
    """Answer the messages that come from a descriptor, on another one, until they end or `stop` is set."""
    quieten()
    made, asked = protocol.server(state), Asked()

    async def answer() -> None:
        given: Any = (Lines(source, asked), Output(target, stop, asked))
        async with stdio_server(*given) as (read, write):
            await made.run(read, write, made.create_initialization_options())

    tasks = [asyncio.create_task(answer()), asyncio.create_task(stop.wait())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        state.close()


async def answer(state: State, token: str, listener: socket.socket, stop: asyncio.Event) -> None:
    """Answer requests on a socket until `stop` is set. Each stands for itself: no session outlives it."""
    quieten()
    manager = StreamableHTTPSessionManager(
        protocol.server(state), stateless=True, json_response=True, max_request_body_size=MOST_BYTES
    )
    app = application(cast("Any", StreamableHTTPASGIApp(manager)), token, listener.getsockname()[1])
    try:
        async with manager.run():
            await serve(app, listener, stop, bounds=BOUNDS)
    finally:
        state.close()


def application(app: Any, token: str, port: int) -> Starlette:
    """Return the application behind its gate."""
    return Starlette(routes=[Mount("/", app=app)], middleware=[Middleware(Gate, token=token, port=port)])


def quieten() -> None:
    """Let the library log warnings alone: it tells of every request."""
    logging.getLogger("mcp").setLevel(logging.WARNING)
