"""`assistants.resources`: transcripts by their address, and nothing else."""

import json
import re

import pytest
from mcp.shared.exceptions import MCPError

from receiver.assistants import resources
from receiver.assistants.arguments import NOTICE
from receiver.database import Pool
from receiver.providers import archive
from receiver.providers.archive import Subject
from tests.assistants.asking import Assistant
from tests.submissions.library.kept import API, ENDED, index, keep, segment

HERE = "transcript://transcribe.so/7"


async def test_a_long_one_says_where_its_next_part_is(asker: Assistant, db: Pool) -> None:
    await keep(db, 7, segments=[segment("x" * 1000, 40.0 * n) for n in range(120)], title="Lecture 7")
    texts, uri = list[str](), HERE
    while uri:
        text = await asker.read(uri)
        head, _, rest = text.partition(f"{NOTICE}\n\n")
        assert head == "Lecture 7 (transcribe.so/7)\n"
        found = re.search(r"\n\n\(([0-9,]+) characters follow: read (\S+)\)\n$", rest)
        texts.append(rest[: found.start()] if found else rest)
        uri = found[2] if found else ""
    assert len(texts) == 3
    assert sum(text.count("[") for text in texts) == 120


async def test_an_address_opens_at_a_moment(asker: Assistant, db: Pool) -> None:
    await keep(db, 7, "first", "second", "third")
    assert "\n\n[0:02:00] third" in await asker.read(f"{HERE}?t=121.5")
    assert "[0:00:00] first" in await asker.read(HERE)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd", "transcript:", "transcript://", "transcript://transcribe.so", "transcript://transcribe.so/",
        "transcript:///7", "http://transcribe.so/7", f"{HERE}?x=1", f"{HERE}?t", "transcript://[/7",
        f"{HERE}\u202e", f"{HERE}?t=1&t=2&t=3&t=4&t=5&t=6", "transcript://a/" + "x" * 2000, "",
    ],
)  # fmt: skip
async def test_an_address_of_nothing_is_refused_in_words(asker: Assistant, db: Pool, uri: str) -> None:
    await keep(db, 7, "said")
    with pytest.raises(MCPError) as refused:
        await asker.read(uri)
    assert refused.value.code == -32602
    assert refused.value.message.startswith("there is no such resource: write transcript://source/id")


@pytest.mark.parametrize(
    ("uri", "why"), [("?t=nan", "at_seconds: "), ("?t=-1", "at_seconds: "), ("?offset=x", "offset: ")]
)
async def test_a_wrong_part_is_named(asker: Assistant, uri: str, why: str) -> None:
    with pytest.raises(MCPError, match=why):
        await asker.read(f"{HERE}{uri}")


async def test_an_id_can_have_any_character(asker: Assistant, db: Pool) -> None:
    answer = {"id": 7, "status": "completed", "segments": [segment("said")]}
    await archive.keep(db, Subject("transcribe.so", API, "a/b?c d", ENDED), "result", json.dumps(answer).encode())
    await index(db)
    (listed,) = (await asker.resources()).resources
    assert listed.uri == "transcript://transcribe.so/a%2Fb%3Fc%20d"
    assert "[0:00:00] said" in await asker.read(listed.uri)


async def test_the_list_has_pages(asker: Assistant, db: Pool) -> None:
    for number in range(1, resources.PAGE + 3):
        await keep(db, number, "said", at=f"2026-01-01T00:00:{number:02}Z")
    await index(db)
    first = await asker.resources()
    assert len(first.resources) == resources.PAGE
    rest = await asker.resources(first.next_cursor)
    assert [one.name for one in rest.resources] == ["transcribe.so/2", "transcribe.so/1"]
    assert rest.next_cursor is None
    with pytest.raises(MCPError, match="cursor: "):
        await asker.resources("x")
