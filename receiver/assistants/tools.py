"""Every tool, and how one is called. What goes wrong becomes a tool's error, in words."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mcp_types import CallToolResult, ContentBlock, TextContent, ToolAnnotations
from mcp_types import Tool as Described

from receiver.assistants import arguments, errors, happenings, letters, transcripts
from receiver.assistants.arguments import Answer, Arguments
from receiver.assistants.state import State

LOOKS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
ACTS = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool.

    Attributes:
        work: answers it.
        takes: the shape of its arguments.
        gives: the shape of its answers.
        about: what an assistant is told of it.
        acts: whether it changes something.
    """

    work: Callable[[State, Any], Awaitable[Answer]]
    takes: type[Arguments]
    gives: type[Answer]
    about: str
    acts: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return self.work.__name__

    @property
    def described(self) -> Described:
        """How the protocol describes it."""
        return Described(
            name=self.name, description=self.about, input_schema=self.takes.model_json_schema(),
            output_schema=self.gives.model_json_schema(mode="serialization"), annotations=ACTS if self.acts else LOOKS,
        )  # fmt: skip


EVERY = (
    Tool(
        transcripts.search_transcripts, transcripts.Search, transcripts.Hits,
        "Search all transcripts for what was said, the newest first; without words, list the transcripts. Each hit has "
        "the moment in the recording, and a `uri` to quote as its source.",
    ),
    Tool(
        transcripts.get_transcript, transcripts.Reading, transcripts.Read,
        "Read a transcript, part by part, from its beginning or from a moment on.",
    ),
    Tool(
        transcripts.get_timestamps, transcripts.OfFormat, transcripts.Stamps,
        "Get the chapter timestamps that are kept of a transcript, ready to paste, and its chapters.",
    ),
    Tool(
        happenings.list_events, happenings.Wanted, happenings.Events,
        "List the events that were received, the newest first, with their jobs.",
    ),
    Tool(
        happenings.explain_event, happenings.Explained, happenings.Explanation,
        "Explain what happened to one event: its deliveries, and each attempt at its jobs with the time that it took.",
    ),
    Tool(
        letters.list_dead, letters.Dead, letters.Letters,
        "Group dead jobs by handler and cause, and those that wait for turns, money or a key.",
    ),
    Tool(
        letters.replay, letters.Again, letters.Replayed,
        "Run an event's jobs again, also those that are done: what their handlers do happens again. Ask the person "
        "first.",
        acts=True,
    ),
)  # fmt: skip


def allowed(state: State) -> Mapping[str, Tool]:
    """Return the tools that there are, by name: those that act only where handlers may run again."""
    return {tool.name: tool for tool in EVERY if not tool.acts or state.handlers is not None}


async def call(state: State, tool: Tool, given: Mapping[str, Any] | None) -> CallToolResult:
    """Return the answer of a tool, or what went wrong."""
    try:
        answer = await tool.work(state, arguments.read(tool.takes, given))
    except Exception as exc:  # noqa: BLE001 - every error has its sentence
        return CallToolResult(content=_text(errors.said(exc, tool.name)), is_error=True)
    return CallToolResult(content=_text(arguments.text(answer)), structured_content=answer.model_dump(mode="json"))


def _text(text: str) -> list[ContentBlock]:
    return [TextContent(type="text", text=text)]
