"""`assistants.tools`: what there is, and how arguments are refused."""

import pytest
from mcp.shared.exceptions import MCPError

from receiver.assistants.tools import EVERY
from receiver.database import Pool
from tests.assistants.asking import Assistant, Failed, assistant
from tests.inbox.dying import states, store

READING = ["search_transcripts", "get_transcript", "get_timestamps", "list_events", "explain_event", "list_dead"]


async def test_only_reading_is_there_unless_more_is_allowed(asker: Assistant, receiver_database: str, db: Pool) -> None:
    await store(db, "evt_", 1)
    assert [tool.name for tool in await asker.tools()] == READING
    async with assistant(receiver_database, {}) as allowed:
        tools = {tool.name: tool.annotations for tool in await allowed.tools()}
    assert list(tools) == [*READING, "replay"]
    assert [name for name, hints in tools.items() if hints is None or not hints.read_only_hint] == ["replay"]
    with pytest.raises(MCPError, match="there is no tool replay"):
        await asker.ask("replay", event="evt_1")
    assert await states(db) == {"dead": 1}


@pytest.mark.parametrize("tool", EVERY, ids=lambda tool: tool.name)
def test_what_each_takes_and_gives_is_a_schema_of_an_object(tool: object) -> None:
    described = tool.described  # type: ignore[attr-defined]
    assert described.input_schema["type"] == described.output_schema["type"] == "object"
    assert described.input_schema["additionalProperties"] is False
    assert described.description


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "event is missing"), ({"event": ""}, "event: "), ({"event": "x" * 501}, "event: "),
        ({"event": None}, "event: "),
        ({"event": "a\x00b"}, "event: has a character that cannot be looked for"),
        ({"event": "x", "evil\u202e": 1}, "there is no argument of that name; there are event"),
    ],
)  # fmt: skip
async def test_a_wrong_argument_is_named_and_not_repeated(asker: Assistant, given: dict[str, object], why: str) -> None:
    with pytest.raises(Failed, match=why) as refused:
        await asker.ask("explain_event", **given)
    assert "evil" not in str(refused.value)


async def test_a_bug_is_logged_and_not_shown(asker: Assistant, db: Pool, caplog: pytest.LogCaptureFixture) -> None:
    """Such as a row that cannot be."""
    await store(db, "evt_", 1)
    await db.execute("alter table receiver.events alter account drop not null")
    await db.execute("update receiver.events set account = null")
    with pytest.raises(Failed, match=r"^this is a bug in receiver; its log says more$"):
        await asker.ask("list_events")
    assert "list_events failed" in caplog.text
