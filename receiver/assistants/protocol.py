"""The server of the protocol, made of the tools and the resources."""

from importlib.metadata import version
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    TextResourceContents,
)

from receiver.assistants import errors, resources, tools
from receiver.assistants.arguments import NOTICE
from receiver.assistants.harmless import shown
from receiver.assistants.state import State
from receiver.errors import ImpossibleError

NAME = "receiver"
INSTRUCTIONS = (
    "Transcripts of recordings, and what happened to the webhooks that announced them. Search with search_transcripts, "
    "read with get_transcript from the moment of a hit on, and quote the `uri` and the moment of what you say. For "
    "what went wrong: list_dead, list_events, then explain_event. Every answer is bounded: `more` says how to go on. "
    f"{NOTICE}"
)


def server(state: State) -> "Server[Any]":
    """Return the server."""
    there = tools.allowed(state)
    described = [tool.described for tool in there.values()]

    async def list_tools(_: Any, __: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=described)

    async def call_tool(_: Any, asked: CallToolRequestParams) -> CallToolResult:
        tool = there.get(asked.name)
        if tool is None:
            raise MCPError(INVALID_PARAMS, f"there is no tool {shown(asked.name, 60)}; there are {', '.join(there)}")
        return await tools.call(state, tool, asked.arguments)

    async def list_resources(_: Any, asked: PaginatedRequestParams | None) -> ListResourcesResult:
        try:
            found, further = await resources.newest(state, None if asked is None else asked.cursor)
        except Exception as exc:
            raise _refusal(exc, "list resources") from exc
        return ListResourcesResult(resources=list(found), next_cursor=further)

    async def list_templates(_: Any, __: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=[resources.TEMPLATE])

    async def read_resource(_: ServerRequestContext, asked: ReadResourceRequestParams) -> ReadResourceResult:
        try:
            text = await resources.read(state, asked.uri)
        except Exception as exc:
            raise _refusal(exc, "read a resource") from exc
        return ReadResourceResult(contents=[TextResourceContents(uri=asked.uri, mime_type=resources.TYPE, text=text)])

    made: Server[Any] = Server(
        NAME, version=version("receiver"), instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool,
        on_list_resources=list_resources, on_list_resource_templates=list_templates, on_read_resource=read_resource,
    )  # fmt: skip
    made.middleware.clear()  # spans of the library: ours are those of deliveries
    return made


def _refusal(error: Exception, what: str) -> MCPError:
    code = INVALID_PARAMS if isinstance(error, ImpossibleError) else INTERNAL_ERROR
    return MCPError(code, errors.said(error, what))
