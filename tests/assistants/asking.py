"""An assistant before the server, in this process: the official client, without a stream between them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp_types import ListResourcesResult, TextResourceContents, Tool

from receiver import settings
from receiver.assistants import protocol
from receiver.assistants.state import State
from receiver.handling import Handler

T = TypeVar("T")

API_URL = "https://api.test"  # that of `tests.submissions.library.kept`


class Failed(Exception):  # noqa: N818 - what a tool has answered
    """A tool's error."""


class Assistant:
    """Who asks. Each question has a client of its own: one must end in the task in which it began."""

    def __init__(self, state: State) -> None:
        self._server = protocol.server(state)

    async def ask(self, tool: str, **arguments: Any) -> Any:
        """Call a tool; the client holds the answer against the tool's schema."""
        answer = await self._asked(lambda client: client.call_tool(tool, arguments))
        (content,) = answer.content
        assert content.type == "text"
        if answer.is_error:
            raise Failed(content.text)
        assert json.loads(content.text) == answer.structured_content
        return answer.structured_content

    async def read(self, uri: str) -> str:
        """Read a resource."""
        (found,) = (await self._asked(lambda client: client.read_resource(uri))).contents
        assert isinstance(found, TextResourceContents)
        return found.text

    async def tools(self) -> Sequence[Tool]:
        """Return the tools that there are."""
        return (await self._asked(lambda client: client.list_tools())).tools

    async def resources(self, cursor: str | None = None) -> ListResourcesResult:
        """Return a page of the resources."""
        return await self._asked(lambda client: client.list_resources(cursor=cursor))

    async def _asked(self, question: Callable[[Client], Awaitable[T]]) -> T:
        async with Client(self._server) as client:
            try:
                return await question(client)
            except MCPError as exc:
                refusal = exc
        raise refusal  # out of the client, which would put it into a group


@asynccontextmanager
async def assistant(
    url: str, handlers: Mapping[str, Handler] | None = None, **bounds: float
) -> AsyncIterator[Assistant]:
    """Yield an assistant that asks about a database."""
    configured = settings.load(DATABASE_URL=url, TRANSCRIBE_API_URL=API_URL)
    state = State(configured, url, handlers, **bounds)
    try:
        yield Assistant(state)
    finally:
        state.close()
