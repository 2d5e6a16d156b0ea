"""`console.objects`: files in a bucket as players ask for them, in part and whole; never the bucket's own address."""

import hashlib
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from receiver.console import objects as answering
from receiver.console.objects import Part
from receiver.database import Pool
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.inbox.buckets import MEGABYTE
from receiver.submissions.moves import State
from tests.buckets import Objects
from tests.console.asked import Asked, Person
from tests.console.pages.test_submissions import put

LARGE = bytes(range(251)) * (3 * MEGABYTE // 251 + 1)


@pytest.mark.parametrize(
    ("header", "size", "part"),
    [
        ("bytes=0-1", 10, (0, 2)), ("bytes=2-4", 10, (2, 5)), ("bytes=5-", 10, (5, 10)), ("bytes=-3", 10, (7, 10)),
        ("bytes=-30", 10, (0, 10)), ("bytes=0-99", 10, (0, 10)), ("Bytes = 9 - 9", 10, (9, 10)),
        ("", 10, None), ("bytes=-", 10, None), ("bytes=4-2", 10, None), ("bytes=0-1,4-5", 10, None),
        ("lines=0-1", 10, None), ("bytes=a-b", 10, None), ("bytes=" + "9" * 5000 + "-", 10, None),
    ],
)  # fmt: skip
def test_a_part_is_what_the_header_says_or_all_of_it(header: str, size: int, part: Any) -> None:
    assert answering.asked(header, size) == (None if part is None else Part(*part))


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=10-", 10), ("bytes=10-11", 10), ("bytes=-0", 10), ("bytes=0-", 0)]
)
def test_a_part_that_is_not_there_is_refused(header: str, size: int) -> None:
    with pytest.raises(ValueError, match="bytes"):
        answering.asked(header, size)


async def brought(db: Pool, objects: Objects, content: bytes = b"0123456789", name: str = "voix élevée.wav") -> str:
    """Put a file into the bucket that a submission has brought; return its address at the console."""
    one = await put(db, 1, State.DONE, operation="separation")
    objects.put(f"stems/{name}", content)
    digest = hashlib.sha256(content).hexdigest()
    file = Artifact(name, "text/html", len(content), digest, f"s3://notes/stems/{name}")
    await artifacts.keep(db, one.id, [file])
    return f"/submissions/{one.id}/artifacts/1"


async def test_it_is_played_whole_and_in_part(db: Pool, operator: Person, objects: Objects) -> None:
    at = await brought(db, objects)
    whole = await operator.get(at)
    assert (whole.status_code, whole.content, whole.headers["content-length"]) == (200, b"0123456789", "10")
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "audio/wav"
    assert whole.headers["content-disposition"] == "inline; filename*=utf-8''voix%20%C3%A9lev%C3%A9e.wav"
    first = await operator.get(at, headers={"Range": "bytes=0-1"})
    assert (first.status_code, first.content, first.headers["content-length"]) == (206, b"01", "2")
    assert first.headers["content-range"] == "bytes 0-1/10"
    beyond = await operator.get(at, headers={"Range": "bytes=10-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, "bytes */10")
    head = await operator.head(at, headers={"Range": "bytes=0-1"})
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")


async def test_whoever_asks_for_headers_only_lets_nothing_be_read(objects: Objects) -> None:
    objects.put("voice.wav", b"0123456789")
    request = Request({"type": "http", "method": "HEAD", "headers": []})
    file = Artifact("voice.wav", None, 10, "ab" * 32, "s3://notes/voice.wav")
    answer = await answering.answer(request, file, "audio/wav", inline=True)
    assert (answer.body, answer.headers["content-length"]) == (b"", "10")


async def test_a_part_is_given_only_of_the_file_that_the_player_has_begun(
    db: Pool, operator: Person, objects: Objects
) -> None:
    at = await brought(db, objects)
    tag = (await operator.head(at)).headers["etag"]
    same, other, moment = [
        await operator.get(at, headers={"Range": "bytes=2-4", "If-Range": given})
        for given in (tag, '"another"', "Wed, 21 Oct 2026 07:28:00 GMT")
    ]
    assert (same.status_code, same.content) == (206, b"234")
    assert [(one.status_code, len(one.content)) for one in (other, moment)] == [(200, 10), (200, 10)]


async def test_a_large_one_comes_whole(db: Pool, operator: Person, objects: Objects) -> None:
    at = await brought(db, objects, LARGE)
    assert (await operator.get(at)).content == LARGE
    part = await operator.get(at, headers={"Range": f"bytes=100-{2 * MEGABYTE}"})
    assert part.content == LARGE[100 : 2 * MEGABYTE + 1]


async def test_a_page_of_a_provider_is_a_download(db: Pool, operator: Person, objects: Objects) -> None:
    answer = await operator.get(await brought(db, objects, b"<script>", "a.html"))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment; ")


async def test_what_the_bucket_does_not_give_is_said(
    db: Pool, operator: Person, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = await brought(db, objects, name="voice.wav")
    objects.put("stems/voice.wav", b"longer than before")
    assert "is not the file any more" in (await operator.page(at, status=409)).text
    objects.client.delete_object(Bucket="notes", Key="stems/voice.wav")
    assert "s3://notes/stems/voice.wav is not there" in (await operator.page(at, status=409)).text
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert "s3://notes does not answer" in (await operator.page(at, status=503)).text


async def test_a_file_that_fails_on_its_way_is_not_whole_and_that_is_said(
    objects: Objects, caplog: pytest.LogCaptureFixture
) -> None:
    objects.put("voice.wav", LARGE)
    request = Request({"type": "http", "method": "GET", "headers": []})
    file = Artifact("voice.wav", None, len(LARGE), "ab" * 32, "s3://notes/voice.wav")
    answer = await answering.answer(request, file, "audio/wav", inline=True)
    sent = list[Message]()

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body":
            objects.put("voice.wav", LARGE[::-1])

    await answer({"type": "http", "asgi": {"spec_version": "2.4"}}, request.receive, send)
    assert [message.get("more_body") for message in sent] == [None, True]
    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "a file of a bucket has not come whole: s3://notes/voice.wav was replaced while it was read"
    ]


async def test_only_who_is_signed_in_has_it(db: Pool, asked: Asked, objects: Objects) -> None:
    answer = await asked.nobody().get(await brought(db, objects))
    assert answer.status_code == 303
