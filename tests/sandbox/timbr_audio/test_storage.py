"""`receiver.sandbox.timbr_audio.storage`: a file's PUT and an artifact's GET, each at a signed address."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from starlette.requests import Request
from starlette.types import Message

from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.timbr_audio import storage
from tests.sandbox.simulated import URL
from tests.sandbox.timbr_audio.asking import (
    CREATE_ONLY,
    SOUND,
    announced,
    ended,
    get,
    made,
    put,
    simulated,
    started,
    timbr_audio,
    uploaded,
)

MIB = 1024**2


def refused(answer: httpx.Response) -> tuple[int, str]:
    """Return status and code of a refusal."""
    assert answer.headers["Content-Type"] == "application/xml"
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


async def link(client: httpx.AsyncClient, name: str = "talk.wav", operation: str = "separate") -> str:
    """Return the first link of a new job."""
    found: str = next(iter((await made(client, operation, name))["result"].values()))
    return found


async def stored(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await client.get(f"{URL}/sandbox/uploads")).json()["uploads"]
    return found


# --- a file ----------------------------------------------------------------------------------------------------------


async def test_a_file_is_taken_once_and_a_repeat_changes_nothing() -> None:
    async with timbr_audio() as client:
        file_id, url = await announced(client)
        answers = [await put(client, url, content) for content in (SOUND, b"other")]
        found = await stored(client)
    assert answers[0].status_code == 200
    assert refused(answers[1]) == (412, "PreconditionFailed")
    digest = hashlib.sha256(SOUND).hexdigest()
    assert found == [{"id": file_id, "size": len(SOUND), "sha256": digest, "complete": True}]


@pytest.mark.parametrize(
    ("headers", "said"),
    [({"x-goog-if-generation-match": "1"}, (403, "SignatureDoesNotMatch")),
     ({"Content-Type": "audio/wav"}, (403, "SignatureDoesNotMatch")),
     ({"Authorization": "Bearer x"}, (400, "InvalidArgument")),
     ({"Content-Length": "99"}, (400, "IncompleteBody"))],
)  # fmt: skip
async def test_a_file_that_does_not_come_as_it_was_signed_or_not_whole_is_refused_and_can_come_again(
    headers: dict[str, str], said: tuple[int, str]
) -> None:
    async with timbr_audio() as client:
        _, url = await announced(client)
        assert refused(await put(client, url, headers=headers)) == said
        assert [(file["size"], file["complete"]) for file in await stored(client)] == [(0, False)]
        assert (await put(client, url)).status_code == 200


async def test_of_two_that_come_at_once_the_first_that_is_whole_counts() -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"slow"
        begun.set()
        await over.wait()

    async with timbr_audio() as client:
        _, url = await announced(client)
        request = client.build_request("PUT", url, content=slow(), headers=CREATE_ONLY)
        del request.headers["Authorization"]
        late = asyncio.create_task(client.send(request))
        await begun.wait()
        assert (await put(client, url)).status_code == 200
        over.set()
        assert refused(await late) == (412, "PreconditionFailed")
        assert (await stored(client))[0]["size"] == len(SOUND)


async def test_a_file_whose_connection_is_lost_does_not_count() -> None:
    messages: list[Message] = [{"type": "http.request", "body": b"so", "more_body": True}, {"type": "http.disconnect"}]

    async def receive() -> Message:
        return messages.pop(0)

    file = SimulatedFile("id", "account", "talk.wav")
    headers = [(name.encode(), value.encode()) for name, value in CREATE_ONLY.items()]
    with pytest.raises(RefusalError, match="lost"):
        await storage.receive(file, Request({"type": "http", "method": "PUT", "headers": headers}, receive))
    assert (file.received, file.complete) == (0, False)


async def test_more_than_500_megabytes_are_refused_before_they_come() -> None:
    async with timbr_audio() as client:
        _, url = await announced(client)
        answer = await put(client, url, headers={"Content-Length": str(501 * MIB)})
        assert refused(answer) == (400, "EntityTooLarge")


async def test_an_address_and_a_link_die_after_their_time_and_a_look_brings_a_fresh_one() -> None:
    async with simulated() as (client, provider):
        job_id = await started(client, "separate", await uploaded(client))
        await ended(client, job_id)
        provider.ground.expiry_speed = 1e12
        _, address = await announced(client)
        dead = (await ended(client, job_id))["result"]["speech"]
        answers = [await put(client, address), await get(client, dead)]
        provider.ground.expiry_speed = 1
        fresh = (await ended(client, job_id))["result"]["speech"]
        assert (await get(client, fresh)).status_code == 200
    assert [refused(answer) for answer in answers] == [(400, "ExpiredToken")] * 2


async def test_a_link_lives_for_ever_if_the_knob_says_so() -> None:
    async with simulated(links="never") as (client, provider):
        job_id = await started(client, "separate", await uploaded(client))
        await ended(client, job_id)
        provider.ground.expiry_speed = 1e12
        assert (await get(client, (await ended(client, job_id))["result"]["me"])).status_code == 200


# --- an artifact -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "kind"),
    [("separate", "audio/wav"), ("enhance", "audio/wav"), ("diarize", "application/x-subrip")],
)
async def test_an_artifact_says_its_size_type_and_md5(operation: str, kind: str) -> None:
    async with timbr_audio() as client:
        answer = await get(client, await link(client, operation=operation))
    digest = base64.b64encode(hashlib.md5(answer.content, usedforsecurity=False).digest()).decode()
    assert answer.status_code == 200
    assert answer.headers["x-goog-hash"] == f"md5={digest}"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Content-Type"].partition(";")[0] == kind


async def test_a_link_is_for_its_file_and_its_method_alone_and_takes_no_key() -> None:
    async with timbr_audio() as client:
        one, other = (await made(client))["result"].values()
        _, address = await announced(client)
        mixed = f"{one.partition('?')[0]}?{urlsplit(other).query}"
        answers = [
            await get(client, mixed), await get(client, one.partition("?")[0]), await get(client, f"{one}é"),
            await put(client, one), await get(client, address),
        ]  # fmt: skip
        keyed = await client.get(one)
    assert [refused(answer) for answer in answers] == [(403, "SignatureDoesNotMatch")] * 5
    assert refused(keyed) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=100-", 100, 65_536), ("bytes=-7", 65_529, 65_536),
     ("bytes=65000-99999", 65_000, 65_536), ("bytes=-99999", 0, 65_536)],
)  # fmt: skip
async def test_a_range_is_that_part_of_the_whole(asked: str, start: int, end: int) -> None:
    async with timbr_audio() as client:
        url = await link(client)
        whole = await get(client, url)
        part = await get(client, url, **{"Range": asked, "If-Range": whole.headers["ETag"]})
    assert part.status_code == 206
    assert part.content == whole.content[start:end]
    assert part.headers["Content-Range"] == f"bytes {start}-{end - 1}/65536"
    assert (part.headers["ETag"], part.headers["x-goog-hash"]) == (whole.headers["ETag"], whole.headers["x-goog-hash"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"Range": "bytes=0-9", "If-Range": '"other"'}, 200), ({"Range": "bytes=-"}, 200), ({"Range": "lines=1-2"}, 200),
     ({"Range": "bytes=65536-"}, 416)],
)  # fmt: skip
async def test_a_range_of_something_else_is_the_whole_and_one_beyond_it_is_refused(
    headers: dict[str, str], status: int
) -> None:
    async with timbr_audio() as client:
        answer = await get(client, await link(client), **headers)
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["Content-Range"] == "bytes */65536"
    else:
        assert len(answer.content) == 65_536


@pytest.mark.parametrize(("name", "megabytes", "hashed"), [("huge-stem.wav", 48, True), ("huge-stem-99mb", 99, False)])
async def test_a_large_artifact_goes_on_from_where_it_broke_off(name: str, megabytes: int, *, hashed: bool) -> None:
    size = megabytes * MIB
    async with timbr_audio() as client:
        part = await get(client, await link(client, name), Range=f"bytes={size - 10}-")
    assert ("x-goog-hash" in part.headers) == hashed
    assert (part.status_code, len(part.content)) == (206, 10)
    assert part.headers["Content-Range"].endswith(f"/{size}")


@pytest.mark.parametrize(("kind", "status"), [("malformed", 200), ("500", 500), ("429", 429), ("html", 502)])
async def test_a_planned_fault_works_on_an_artifact_too(kind: str, status: int) -> None:
    async with timbr_audio() as client:
        url = await link(client)
        await client.post(f"{URL}/sandbox/faults", json={"endpoint": "/storage/jobs/*", "kind": kind})
        answer, after = await get(client, url), await get(client, url)
    assert (answer.status_code, after.status_code) == (status, 200)
    if kind == "malformed":
        assert (answer.content, answer.headers["x-goog-hash"]) == (after.content[:32_768], after.headers["x-goog-hash"])
