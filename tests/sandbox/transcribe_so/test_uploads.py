"""`sandbox.transcribe_so`: files by presigned PUT and by tus; what arrived is known by its size and SHA-256."""

import asyncio
import base64
import hashlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.processes import Processes, free_port, until
from tests.sandbox.simulated import LONGEST_WAIT, OTHER, URL, ended, error, sandboxed

MIB = 1024 * 1024
SPEED = 600
SOUND = bytes(range(256)) * 400
ASKED = {"filename": "talk.wav", "content_type": "audio/wav", "file_size": len(SOUND)}
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = TUS | {"Content-Type": "application/offset+octet-stream"}


async def presigned(client: httpx.AsyncClient, **changed: object) -> dict[str, Any]:
    answer = await client.post("uploads", json=ASKED | changed)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


async def put(client: httpx.AsyncClient, url: str, content: bytes = SOUND, kind: str = "audio/wav") -> httpx.Response:
    return await client.put(url, content=content, headers={"Content-Type": kind, "Authorization": ""})


async def arrived(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    uploads: list[dict[str, Any]] = (await client.get(f"{URL}/sandbox/uploads")).json()["uploads"]
    return uploads


def job(upload_id: object, **more: object) -> dict[str, object]:
    return {"source": "upload", "upload_id": upload_id, "duration_seconds": 60, **more}


# --- PUT -------------------------------------------------------------------------------------------------------------


async def test_a_file_that_was_put_can_be_transcribed() -> None:
    async with sandboxed(speed=SPEED) as client:
        asked = await presigned(client)
        taken = await put(client, asked["upload_url"])
        submitted = await client.post("transcriptions", json=job(asked["upload_id"]))
        shown = await ended(client, submitted.json()["id"])
        found = await arrived(client)
    assert asked["expires_in"] == 900
    assert asked["upload_url"].startswith(f"{URL}/")
    assert taken.status_code == 200
    assert (submitted.status_code, submitted.json()["upload_id"]) == (202, asked["upload_id"])
    assert "url" not in submitted.json()
    assert (shown["status"], shown["title"], shown["source"]) == ("completed", "talk.wav", "upload")
    digest = hashlib.sha256(SOUND).hexdigest()
    assert found == [{"id": asked["upload_id"], "size": len(SOUND), "sha256": digest, "complete": True}]


async def test_the_original_name_is_the_title_and_asks_for_edges() -> None:
    async with sandboxed(speed=SPEED) as client:
        asked = await presigned(client)
        await put(client, asked["upload_url"])
        body = job(asked["upload_id"], original_filename="fail.mp3")
        shown = await ended(client, (await client.post("transcriptions", json=body)).json()["id"])
    assert (shown["status"], shown["title"]) == ("failed", "fail.mp3")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"filename": ""}, "filename"),
        ({"filename": 5}, "filename"),
        ({"content_type": "text/plain"}, "content_type"),
        ({"content_type": "audio/midi"}, "content_type"),
        ({"content_type": None}, "content_type"),
        ({"file_size": 0}, "file_size"),
        ({"file_size": True}, "file_size"),
        ({"file_size": 1.5}, "file_size"),
        ({"file_size": 500 * MIB + 1}, "file_size"),
    ],
)
async def test_a_file_that_cannot_be_taken_is_refused_by_name(changed: dict[str, object], named: str) -> None:
    async with sandboxed(speed=SPEED) as client:
        answer = await client.post("uploads", json=ASKED | changed)
    assert error(answer) == (400, "invalid_request")
    assert named in answer.json()["error"]["message"]


async def test_half_a_gigabyte_and_every_documented_type_may_be_announced() -> None:
    async with sandboxed(speed=SPEED) as client:
        await presigned(client, file_size=500 * MIB)
        for kind in ("audio/mpeg", "audio/x-m4a", "audio/flac", "video/mp4", "video/quicktime", "video/x-msvideo"):
            await presigned(client, content_type=kind)


@pytest.mark.parametrize(
    ("content", "kind", "status", "code"),
    [
        (SOUND, "audio/mpeg", 403, "SignatureDoesNotMatch"),
        (SOUND + b"!", "audio/wav", 400, "EntityTooLarge"),
        (SOUND[:-1], "audio/wav", 400, "IncompleteBody"),
    ],
)
async def test_a_file_that_is_not_the_announced_one_is_not_taken(
    content: bytes, kind: str, status: int, code: str
) -> None:
    async with sandboxed(speed=SPEED) as client:
        asked = await presigned(client)
        answer = await put(client, asked["upload_url"], content, kind)
        submitted = await client.post("transcriptions", json=job(asked["upload_id"]))
        once_more = await put(client, asked["upload_url"])
    assert (answer.status_code, f"<Code>{code}</Code>" in answer.text) == (status, True)
    assert error(submitted) == (400, "invalid_request")
    assert "incomplete" in submitted.json()["error"]["message"]
    assert once_more.status_code == 200


async def test_a_presigned_address_is_good_with_its_signature_only() -> None:
    async with sandboxed(speed=SPEED) as client:
        url = (await presigned(client))["upload_url"]
        answers = [await put(client, u) for u in (url[:-1], url.partition("?")[0], f"{URL}/s3/user/x/uploads/y.wav")]
    assert [answer.status_code for answer in answers] == [403, 403, 403]


async def test_a_presigned_address_expires() -> None:
    async with sandboxed(files=9000) as client:  # 900 s take a tenth of a second
        url = (await presigned(client))["upload_url"]
        async with asyncio.timeout(LONGEST_WAIT):
            while (late := await put(client, url)).is_success:  # noqa: ASYNC110 - a far side has no event to wait for
                await asyncio.sleep(0.01)
    assert (late.status_code, "expired" in late.text) == (403, True)


async def test_an_upload_belongs_to_its_key() -> None:
    async with sandboxed(speed=SPEED) as client:
        asked = await presigned(client)
        await put(client, asked["upload_url"])
        theirs = await client.post("transcriptions", json=job(asked["upload_id"]), headers=OTHER)
        unknown = await client.post("quotes", json=job("user/x/uploads/y.wav"))
    assert error(theirs) == error(unknown) == (400, "invalid_request")
    assert theirs.json()["error"]["message"] == unknown.json()["error"]["message"]


# --- tus -------------------------------------------------------------------------------------------------------------


async def ticket(client: httpx.AsyncClient, size: int = len(SOUND)) -> dict[str, Any]:
    answer = await client.post("uploads/tus", json={"filename": "talk.wav", "file_size": size})
    assert answer.status_code == 200
    shown: dict[str, Any] = answer.json()
    return shown


def creation(given: dict[str, Any], size: object = len(SOUND)) -> dict[str, str]:
    encoded = base64.b64encode(given["upload_token"].encode()).decode()
    return TUS | {
        "Upload-Length": str(size),
        "Upload-Metadata": f"filename dGFsay53YXY=, {given['upload_metadata_key']} {encoded}",
    }


async def created(client: httpx.AsyncClient) -> str:
    """Create an upload and return its address."""
    given = await ticket(client)
    answer = await client.post(given["upload_endpoint"], headers=creation(given))
    assert answer.status_code == 201
    location: str = answer.headers["Location"]
    assert location.startswith(given["upload_endpoint"])
    return location


async def append(client: httpx.AsyncClient, url: str, offset: int, content: Any, **more: str) -> httpx.Response:
    return await client.patch(url, content=content, headers=PIECE | {"Upload-Offset": str(offset)} | more)


async def test_a_file_comes_in_pieces_and_can_be_transcribed_by_either_id() -> None:
    async with sandboxed(speed=SPEED) as client:
        given = await ticket(client)
        url = await created(client)
        name = url.rsplit("/", 1)[1]
        first = await append(client, url, 0, SOUND[:1000])
        early = await client.post("transcriptions", json=job(f"tus/{name}"))
        head = await client.head(url, headers=TUS)
        second = await append(client, url, 1000, SOUND[1000:])
        submitted = [
            await client.post("transcriptions", json=job(upload_id))
            for upload_id in (f"tus/{name}", f"tus/{name.partition('+')[0]}")
        ]
        found = await arrived(client)
    assert (given["upload_metadata_key"], given["expires_in"]) == ("upload-token", 3600)
    assert given["max_file_size"] == 524_288_000
    assert (first.status_code, first.headers["Upload-Offset"]) == (204, "1000")
    assert error(early) == (400, "invalid_request")
    assert (head.status_code, head.headers["Upload-Offset"], head.headers["Upload-Length"]) == (
        200, "1000", str(len(SOUND)),
    )  # fmt: skip
    assert head.headers["Cache-Control"] == "no-store"
    assert (second.status_code, second.headers["Upload-Offset"]) == (204, str(len(SOUND)))
    assert [answer.status_code for answer in submitted] == [202, 202]
    assert (found[0]["sha256"], found[0]["complete"]) == (hashlib.sha256(SOUND).hexdigest(), True)


async def test_the_server_says_what_it_can_do() -> None:
    async with sandboxed(speed=SPEED) as client:
        answer = await client.options(f"{URL}/files/")
    assert answer.status_code == 204
    assert {name: answer.headers[name] for name in ("Tus-Resumable", "Tus-Version", "Tus-Extension")} == {
        "Tus-Resumable": "1.0.0", "Tus-Version": "1.0.0", "Tus-Extension": "creation",
    }  # fmt: skip
    assert answer.headers["Tus-Max-Size"] == "524288000"


@pytest.mark.parametrize("version", [{}, {"Tus-Resumable": "0.2.2"}])
async def test_another_version_of_the_protocol_is_refused_with_the_one_that_is_spoken(version: dict[str, str]) -> None:
    async with sandboxed(speed=SPEED) as client:
        url = await created(client)
        given = await ticket(client)
        headers = {k: v for k, v in creation(given).items() if k != "Tus-Resumable"} | version
        answers = [
            await client.post(given["upload_endpoint"], headers=headers),
            await client.head(url, headers=version),
            await client.patch(
                url, content=b"a", headers=version | {"Content-Type": PIECE["Content-Type"], "Upload-Offset": "0"}
            ),
        ]
    assert [answer.status_code for answer in answers] == [412] * 3
    assert {answer.headers["Tus-Version"] for answer in answers} == {"1.0.0"}


async def test_a_creation_needs_a_good_ticket_and_no_more_than_its_size() -> None:
    async with sandboxed(speed=SPEED) as client:
        given = await ticket(client)
        endpoint = given["upload_endpoint"]
        forged = await client.post(endpoint, headers=creation(given | {"upload_token": "eyJ1Ijoi"}))
        bare = await client.post(endpoint, headers=TUS | {"Upload-Length": "1"})
        garbled = await client.post(endpoint, headers=creation(given) | {"Upload-Metadata": "upload-token !!!"})
        larger = await client.post(endpoint, headers=creation(given, len(SOUND) + 1))
        sizeless = [await client.post(endpoint, headers=creation(given, size)) for size in ("", "x", "-1")]
        smaller = await client.post(endpoint, headers=creation(given, 5))
    assert [answer.status_code for answer in (forged, bare, garbled, larger, smaller)] == [403, 403, 400, 413, 201]
    assert [answer.status_code for answer in sizeless] == [400, 400, 400]


async def test_a_ticket_expires() -> None:
    async with sandboxed(files=36_000) as client:  # an hour takes a tenth of a second
        given = await ticket(client)
        async with asyncio.timeout(LONGEST_WAIT):
            while (late := await client.post(given["upload_endpoint"], headers=creation(given))).is_success:  # noqa: ASYNC110 - a far side has no event to wait for
                await asyncio.sleep(0.01)
    assert late.status_code == 403


async def test_a_piece_that_does_not_fit_is_refused_and_changes_nothing() -> None:
    async with sandboxed(speed=SPEED) as client:
        url = await created(client)
        await append(client, url, 0, SOUND[:1000])
        wrong = [await append(client, url, offset, b"x") for offset in (0, 999, 1001)]
        kind = await append(client, url, 1000, b"x", **{"Content-Type": "application/octet-stream"})
        much = await append(client, url, 1000, SOUND)
        offset = (await client.head(url, headers=TUS)).headers["Upload-Offset"]
    assert [answer.status_code for answer in wrong] == [409, 409, 409]
    assert (kind.status_code, much.status_code, offset) == (415, 413, "1000")


async def test_a_piece_that_announces_too_much_is_refused_before_any_of_it_is_taken() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield SOUND[:1000]
        yield SOUND

    async with sandboxed(speed=SPEED) as client:
        url = await created(client)
        answer = await append(client, url, 0, pieces(), **{"Content-Length": str(len(SOUND) + 1000)})
        offset = (await client.head(url, headers=TUS)).headers["Upload-Offset"]
    assert (answer.status_code, offset) == (413, "0")


async def test_bytes_beyond_the_size_are_refused_even_when_nobody_announced_them() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield SOUND
        yield b"!"

    async with sandboxed(speed=SPEED) as client:
        url = await created(client)
        answer = await append(client, url, 0, pieces())
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "change", [lambda url: url[:-1], lambda url: url.partition("+")[0], lambda _: f"{URL}/files/x"]
)
async def test_an_upload_without_its_resume_token_does_not_exist(change: Any) -> None:
    async with sandboxed(speed=SPEED) as client:
        url = change(await created(client))
        answers = [await client.head(url, headers=TUS), await append(client, url, 0, b"x")]
    assert [answer.status_code for answer in answers] == [404, 404]


async def test_two_pieces_at_once_are_one_too_many() -> None:
    go_on = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield SOUND[:10]
        await go_on.wait()
        yield SOUND[10:]

    async with sandboxed(speed=SPEED) as client:
        url = await created(client)
        first = asyncio.create_task(append(client, url, 0, pieces()))
        async with asyncio.timeout(LONGEST_WAIT):
            while (await client.head(url, headers=TUS)).headers["Upload-Offset"] == "0":  # noqa: ASYNC110 - a far side has no event to wait for
                await asyncio.sleep(0.005)
        second = await append(client, url, 10, SOUND[10:])
        go_on.set()
        assert (await first).status_code == 204
    assert second.status_code == 423


def test_what_arrived_before_the_connection_broke_stays(processes: Processes) -> None:
    port = free_port()
    sandbox = processes.start("sandbox", "--port", str(port), "--speed", "1")
    until(lambda: "sandbox: export" in sandbox.out.read_text(), "the sandbox listens")
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": "Bearer tsk_test_a"}, timeout=20
    ) as client:
        given = client.post("/api/v1/uploads/tus", json={"filename": "a.wav", "file_size": len(SOUND)}).json()
        url = client.post(given["upload_endpoint"], headers=creation(given)).headers["Location"]
        head = PIECE | {"Host": "sandbox", "Upload-Offset": "0", "Content-Length": str(len(SOUND))}
        lines = [f"PATCH {httpx.URL(url).path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        with socket.create_connection(("127.0.0.1", port)) as broken:
            broken.sendall("\r\n".join(lines).encode() + SOUND[:5000])
            until(lambda: client.head(url, headers=TUS).headers["Upload-Offset"] == "5000", "the first 5000 bytes")
        rest = PIECE | {"Upload-Offset": "5000"}
        until(lambda: client.patch(url, content=SOUND[5000:], headers=rest).status_code == 204, "the rest")
        asked = client.post("/api/v1/uploads", json=ASKED).json()
        where = httpx.URL(asked["upload_url"]).raw_path.decode()
        with socket.create_connection(("127.0.0.1", port)) as broken:
            lines = [
                f"PUT {where} HTTP/1.1",
                "Host: s",
                "Content-Type: audio/wav",
                f"Content-Length: {len(SOUND)}",
                "",
                "",
            ]
            broken.sendall("\r\n".join(lines).encode() + SOUND[:5000])
            until(lambda: client.get("/sandbox/uploads").json()["uploads"][1]["size"], "the first bytes of the PUT")
        found = client.get("/sandbox/uploads").json()["uploads"]
    assert not found.pop()["complete"]
    assert [(u["sha256"], u["complete"]) for u in found] == [(hashlib.sha256(SOUND).hexdigest(), True)]
    assert sandbox.end() == 0
    assert "Traceback" not in sandbox.log
