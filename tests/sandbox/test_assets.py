"""`receiver.sandbox.assets`: files at signed links, whole and in ranges, which are never in memory."""

import io
import math
import tracemalloc
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import httpx
import pytest
from starlette.requests import Request

from receiver.sandbox import Sandbox, application
from receiver.sandbox.assets import BLOCK, sound
from tests.sandbox.simulated import URL

MB = 1024**2
ASKED = Request({"type": "http", "scheme": "http", "server": ("sandbox.test", 80), "path": "/", "headers": []})


@asynccontextmanager
async def served(*sounds: tuple[str, int], seconds: float = 60) -> AsyncIterator[tuple[httpx.AsyncClient, list[str]]]:
    """Yield a client without a key, and the links to these sounds."""
    sandbox = Sandbox()
    names = [sandbox.assets.add("timbr", partial(sound, *one)) for one in sounds or [("any", MB)]]
    links = [sandbox.assets.link(ASKED, "timbr", name, seconds=seconds) for name in names]
    transport = httpx.ASGITransport(application(sandbox))
    async with httpx.AsyncClient(base_url=URL, transport=transport) as client:
        yield client, links
    await sandbox.close()


async def test_a_link_leads_to_the_whole_file_which_is_the_same_each_time() -> None:
    async with served() as (client, (link,)):
        one, other = [await client.get(link) for _ in range(2)]
    assert one.status_code == 200
    assert one.headers["Content-Type"] == "audio/wav"
    assert int(one.headers["Content-Length"]) == len(one.content) == MB
    assert (one.content, one.headers["ETag"]) == (other.content, other.headers["ETag"])
    with wave.open(io.BytesIO(one.content)) as heard:
        assert heard.getnframes() * 2 + 44 == MB


async def test_two_files_differ_also_where_they_are_as_long() -> None:
    async with served(("a", 1000), ("b", 1000), ("a", 1001)) as (client, links):
        answers = [await client.get(link) for link in links]
    assert len({answer.content[44:1000] for answer in answers}) == 2
    assert len({answer.headers["ETag"] for answer in answers}) == 3


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-9", 0, 10), ("bytes=5-", 5, MB), ("bytes=-7", MB - 7, MB),
        (f"bytes={BLOCK - 2}-{BLOCK + 2}", BLOCK - 2, BLOCK + 3),
        (f"bytes={BLOCK}-{2 * BLOCK - 1}", BLOCK, 2 * BLOCK), (f"bytes=0-{9 * MB}", 0, MB), (f"bytes=-{9 * MB}", 0, MB),
    ],
)  # fmt: skip
async def test_a_range_is_that_part_of_the_file(asked: str, start: int, end: int) -> None:
    async with served() as (client, (link,)):
        whole = await client.get(link)
        part = await client.get(link, headers={"Range": asked, "If-Range": whole.headers["ETag"]})
    assert part.status_code == 206
    assert part.content == whole.content[start:end]
    assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/{MB}"
    assert part.headers["Content-Length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=9-5", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=-", ""])
async def test_a_range_that_makes_no_sense_is_none(asked: str) -> None:
    async with served() as (client, (link,)):
        assert (await client.get(link, headers={"Range": asked})).status_code == 200


async def test_a_range_of_a_file_that_has_changed_is_the_whole_file_and_one_beyond_the_end_is_refused() -> None:
    async with served() as (client, (link,)):
        changed = await client.get(link, headers={"Range": "bytes=0-9", "If-Range": '"other"'})
        beyond = [await client.get(link, headers={"Range": asked}) for asked in (f"bytes={MB}-", "bytes=-0")]
    assert (changed.status_code, len(changed.content)) == (200, MB)
    assert [(answer.status_code, answer.headers["Content-Range"]) for answer in beyond] == [(416, f"bytes */{MB}")] * 2


async def test_the_head_of_a_huge_file_has_its_length_and_no_content() -> None:
    async with served(("any", 5000 * MB)) as (client, (link,)):
        answer = await client.head(link)
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, str(5000 * MB), b"")


async def test_a_huge_file_is_never_in_memory() -> None:
    content, received = sound("any", 24 * MB), 0
    tracemalloc.start()
    async for piece in content.pieces(0, content.size):
        received += len(piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert received == content.size
    assert peak < 8 * BLOCK


async def test_a_link_needs_its_own_ticket_and_no_key() -> None:
    async with served(("a", 1000), ("b", 1000)) as (client, (link, other)):
        place, _, ticket = link.partition("?")
        later = ticket.replace("ticket=1", "ticket=2")
        queries = ("", "ticket=", other.partition("?")[2], ticket[:-1], later)
        answers = [await client.get(f"{place}?{query}") for query in queries]
        keyed = await client.get(link, headers={"Authorization": "Bearer x"})
    assert later != ticket
    assert [answer.status_code for answer in answers] == [403] * len(queries)
    assert "<Code>SignatureDoesNotMatch</Code>" in answers[0].text
    assert keyed.status_code == 400


@pytest.mark.parametrize(("seconds", "status"), [(-0.001, 403), (60, 200), (math.inf, 200)])
async def test_a_link_lives_as_long_as_it_was_given(seconds: float, status: int) -> None:
    async with served(seconds=seconds) as (client, (link,)):
        assert (await client.get(link)).status_code == status


async def test_faults_reach_the_files_which_are_not_in_the_log() -> None:
    async with served() as (client, (link,)):
        whole = (await client.get(link)).content
        answers = []
        for kind in ("malformed", "500"):
            await client.post(f"{URL}/sandbox/faults", json={"endpoint": "/assets/timbr/*", "kind": kind})
            answers.append(await client.get(link))
        log = (await client.get(f"{URL}/sandbox/requests")).json()["requests"]
    half, refused = answers
    assert (half.status_code, half.content) == (200, whole[: MB // 2])
    assert (refused.status_code, refused.headers["Content-Type"]) == (500, "application/xml")
    assert not [one for one in log if "/assets/" in one["path"]]
