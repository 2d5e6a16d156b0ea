"""`receiver.providers.tus`: uploads to a real tus server over connections that break, and against bad servers."""

import asyncio
import base64
import hashlib
import io
import random
import re
import subprocess
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Literal

import httpx
import pytest

from receiver.errors import ImpossibleError, InvalidRequest, NotFound, ProviderError, ProviderUnavailable, RateLimited
from receiver.providers.tus import upload
from tests.peers.npm import npm_packages  # noqa: F401 - a fixture
from tests.providers.scripted import everything_logged

SERVER = Path(__file__).parent / "tus_server.mjs"
PIECE = 64 * 1024

ENDPOINT = "https://upload.test/files/"
TICKET = "eyJ1IjoiYWY5_the_ticket"
PLACE = f"{ENDPOINT}a1+the_resume_token"
CONTENT = b"0123456789"
METADATA = {"upload-token": TICKET, "filename": "Zoë.mp3"}


# --- a real server, behind connections that break --------------------------------------------------------------------

Fate = Literal["through", "cut in its body", "cut before its answer", "stalled in its body"]


class Line:
    """A TCP proxy that reads requests along and lets `fate` (given the request's number from 1) decide about each."""

    def __init__(self, port: int, fate: Callable[[int], Fate]) -> None:
        self.stalled = asyncio.Event()
        self.requests: list[str] = []
        self.connections = 0
        self.body_bytes = 0
        self._port = port
        self._fate = fate
        self._carried: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Yield the address of the server's `/files` through this line."""
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=PIECE)
        try:
            yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/files"
        finally:
            listener.close()
            for carried in self._carried:
                carried.cancel()
            await asyncio.gather(*self._carried, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        carried = asyncio.current_task()
        assert carried is not None
        self._carried.add(carried)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        answers = asyncio.create_task(self._answers(from_server, writer))
        try:
            while await self._request(reader, to_server, from_server, answers):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has hung up
        finally:
            answers.cancel()
            writer.transport.abort()
            to_server.transport.abort()

    async def _answers(self, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while answer := await from_server.read(PIECE):
            writer.write(answer)
            await writer.drain()

    async def _request(
        self,
        reader: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        from_server: asyncio.StreamReader,
        answers: "asyncio.Task[None]",
    ) -> bool:
        """Forward one request; return False if the connection ends with it."""
        head = await reader.readuntil(b"\r\n\r\n")
        self.requests.append(head.split(b" ", 1)[0].decode())
        fate = self._fate(len(self.requests))
        found = re.search(rb"(?i)content-length: *(\d+)", head)
        length = int(found[1]) if found else 0
        if fate == "cut before its answer":
            answers.cancel()
            await asyncio.wait([answers])
        to_server.write(head)
        await self._body(reader, to_server, length // 2 if "in its body" in fate else length)
        match fate:
            case "through":
                return True
            case "cut before its answer":
                await from_server.read(1)
            case "stalled in its body":
                self.stalled.set()
                while await reader.read(PIECE):
                    pass
        return False

    async def _body(self, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter, length: int) -> None:
        while length:
            piece = await reader.read(min(PIECE, length))
            if not piece:
                raise ConnectionError
            length -= len(piece)
            self.body_bytes += len(piece)
            to_server.write(piece)
            await to_server.drain()


@dataclass(frozen=True)
class TusServer:
    """A running server: its port, and the folder where it keeps what arrived."""

    port: int
    kept: Path

    def digest(self, location: str) -> str:
        return hashlib.sha256((self.kept / location.rsplit("/", 1)[1]).read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def server(
    npm_packages: Path,  # noqa: F811 - the fixture imported above
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TusServer]:
    kept = tmp_path_factory.mktemp("kept")
    command = ["node", str(SERVER), str(npm_packages), str(kept)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
        assert node.stdin is not None
        assert node.stdout is not None
        yield TusServer(int(node.stdout.readline()), kept)
        node.stdin.close()
        node.wait(60)


@dataclass
class Seen:
    """The callbacks that the caller of an upload received."""

    created: list[str] = field(default_factory=list)
    progressed: list[int] = field(default_factory=list)

    async def keep(self, location: str) -> None:
        self.created.append(location)


async def nobody(_: str) -> None:
    """Keep no location."""


def recording(tmp_path: Path, size: int) -> tuple[Path, str]:
    """Return a file of `size` pseudo-random bytes and its SHA-256."""
    content = random.Random(size).randbytes(size)  # noqa: S311 - a test's bytes
    path = tmp_path / "recording"
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


async def test_a_file_arrives_whole_though_every_third_request_is_cut(server: TusServer, tmp_path: Path) -> None:
    path, digest = recording(tmp_path, 60_000_000)
    fates: tuple[Fate, ...] = ("through", "through", "cut in its body", "through", "through", "cut before its answer")
    line, seen = Line(server.port, lambda number: fates[(number - 1) % 6]), Seen()
    async with line.listening() as endpoint, httpx.AsyncClient(trust_env=False) as http:
        with path.open("rb") as file:
            location = await upload(
                http, endpoint, file, size=60_000_000, metadata=METADATA, created=seen.keep,
                progressed=seen.progressed.append, pauses=(0.01, 0.05, 0.2, 1, 1, 1, 1),
            )  # fmt: skip
    assert server.digest(location) == digest
    assert seen.created == [location]
    assert seen.progressed == sorted(set(seen.progressed))
    assert seen.progressed[-1] == 60_000_000
    assert line.requests.count("HEAD") >= 5, "nothing was cut"
    assert line.body_bytes < 75_000_000, "chunks were sent again whose arrival the server could tell"


async def test_an_upload_survives_a_line_on_which_every_creation_and_question_may_be_cut(
    server: TusServer, tmp_path: Path
) -> None:
    path, digest = recording(tmp_path, 3_000_000)
    chance = random.Random(1)  # noqa: S311 - a repeatable run
    fates: list[Fate] = ["through", "cut in its body", "cut before its answer"]
    line = Line(server.port, lambda _: chance.choice(fates))
    async with line.listening() as endpoint, httpx.AsyncClient(trust_env=False) as http:
        with path.open("rb") as file:
            location = await upload(
                http, endpoint, file, size=3_000_000, metadata=METADATA, created=nobody,
                progressed=lambda _: None, chunk_bytes=200_000, pauses=(0.005,) * 200,
            )  # fmt: skip
    assert server.digest(location) == digest


async def test_an_upload_stopped_in_mid_chunk_is_resumed_and_only_the_rest_is_sent(
    server: TusServer, tmp_path: Path
) -> None:
    path, digest = recording(tmp_path, 5_000_000)
    first, second = Seen(), Seen()
    stopped = Line(server.port, lambda number: "stalled in its body" if number == 4 else "through")
    async with stopped.listening() as endpoint, httpx.AsyncClient(trust_env=False) as http:
        with path.open("rb") as file:
            sending = asyncio.create_task(
                upload(
                    http, endpoint, file, size=5_000_000, metadata=METADATA, created=first.keep,
                    progressed=first.progressed.append, chunk_bytes=1_000_000,
                )
            )  # fmt: skip
            await stopped.stalled.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
    assert first.progressed == [1_000_000, 2_000_000]

    line = Line(server.port, lambda _: "through")
    async with line.listening() as endpoint, httpx.AsyncClient(trust_env=False) as http:
        # The line has another port now; the server would have given this address.
        location = f"{endpoint}/{first.created[0].rsplit('/', 1)[1]}"
        with path.open("rb") as file:
            await upload(
                http, endpoint, file, size=5_000_000, metadata=METADATA, location=location,
                created=second.keep, progressed=second.progressed.append, chunk_bytes=1_000_000,
                pauses=(0.01, 0.1, 1, 1, 1, 1),
            )  # fmt: skip
    assert server.digest(location) == digest
    assert second.created == []
    assert second.progressed[0] >= 2_000_000
    assert line.body_bytes == 5_000_000 - second.progressed[0]
    assert (line.requests[0], "POST" in line.requests) == ("HEAD", False)


async def test_a_whole_upload_uses_one_connection(server: TusServer, tmp_path: Path) -> None:
    path, digest = recording(tmp_path, 1_000_000)
    line = Line(server.port, lambda _: "through")
    async with line.listening() as endpoint, httpx.AsyncClient(trust_env=False) as http:
        with path.open("rb") as file:
            location = await upload(
                http, endpoint, file, size=1_000_000, metadata=METADATA, created=nobody,
                progressed=lambda _: None, chunk_bytes=100_000,
            )  # fmt: skip
    assert server.digest(location) == digest
    assert (line.connections, line.requests) == (1, ["POST"] + ["PATCH"] * 10)


async def test_the_real_server_understands_the_metadata(server: TusServer) -> None:
    async with httpx.AsyncClient(trust_env=False) as http:
        location = await upload(
            http, f"http://127.0.0.1:{server.port}/files", io.BytesIO(), size=0,
            metadata={"upload-token": TICKET, "filename": "Zoë.mp3", "empty": ""},
            created=nobody, progressed=lambda _: None,
        )  # fmt: skip
        kept = (await http.head(location, headers={"Tus-Resumable": "1.0.0"})).headers
    pairs = [pair.partition(" ") for pair in kept["upload-metadata"].split(",")]
    assert {key: base64.b64decode(value).decode() for key, _, value in pairs} == {
        "upload-token": TICKET, "filename": "Zoë.mp3", "empty": "",
    }  # fmt: skip
    assert (kept["upload-length"], kept["upload-offset"]) == ("0", "0")


# --- what is said, and to what each answer leads ---------------------------------------------------------------------


class Prepared:
    """A server that gives prepared answers in order, repeats the last one, and records the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []
        self.seen = Seen()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    @property
    def order(self) -> list[str]:
        return [f"{r.method} {r.headers.get('upload-offset', '')}".strip() for r in self.asked]

    async def take(
        self,
        file: BinaryIO | None = None,
        *,
        size: int = len(CONTENT),
        endpoint: str = ENDPOINT,
        location: str | None = None,
        metadata: dict[str, str] = METADATA,
        pauses: tuple[float, ...] = (0, 0),
        **client: object,
    ) -> str:
        """Upload CONTENT, or `file`, in chunks of four bytes."""
        async with httpx.AsyncClient(transport=httpx.MockTransport(self), **client) as http:  # type: ignore[arg-type] # of httpx
            return await upload(
                http, endpoint, file or io.BytesIO(CONTENT), size=size, metadata=metadata, location=location,
                created=self.seen.keep, progressed=self.seen.progressed.append, chunk_bytes=4, pauses=pauses,
            )  # fmt: skip


def created(location: str = PLACE) -> httpx.Response:
    return httpx.Response(201, headers={"Location": location})


def at(offset: object, *, status: int = 204, length: object = len(CONTENT)) -> httpx.Response:
    return httpx.Response(status, headers={"Upload-Offset": str(offset), "Upload-Length": str(length)})


async def test_the_requests_are_those_of_tus() -> None:
    server = Prepared(created(), at(4), at(8), at(10))
    assert await server.take() == PLACE
    post, *patches = server.asked
    assert (post.method, str(post.url), post.content) == ("POST", ENDPOINT, b"")
    assert post.headers["upload-length"] == "10"
    assert post.headers["upload-metadata"] == (
        f"upload-token {base64.b64encode(TICKET.encode()).decode()},filename Wm/Dqy5tcDM="
    )
    assert [(p.headers["upload-offset"], p.content) for p in patches] == [("0", b"0123"), ("4", b"4567"), ("8", b"89")]
    assert {(p.method, str(p.url), p.headers["content-type"]) for p in patches} == {
        ("PATCH", PLACE, "application/offset+octet-stream")
    }
    assert {r.headers["tus-resumable"] for r in server.asked} == {"1.0.0"}
    assert (server.seen.created, server.seen.progressed) == ([PLACE], [4, 8, 10])


async def test_the_api_key_never_goes_to_the_upload_server() -> None:
    server = Prepared(created(), httpx.ReadError("cut"), at(4), at(8), at(10))
    await server.take(headers={"Authorization": "Bearer tsk_live_never"}, auth=("user", "tsk_live_never"))
    assert server.order == ["POST", "PATCH 0", "HEAD", "PATCH 4", "PATCH 8"]
    assert not any("authorization" in r.headers for r in server.asked)


async def test_each_request_has_the_time_that_its_chunk_needs_on_a_slow_line() -> None:
    server = Prepared(created(), at(100_000))
    async with httpx.AsyncClient(transport=httpx.MockTransport(server), timeout=1) as http:
        await upload(
            http, ENDPOINT, io.BytesIO(bytes(100_000)), size=100_000, metadata={}, created=nobody,
            progressed=lambda _: None,
        )  # fmt: skip
    assert [r.extensions["timeout"]["write"] for r in server.asked] == [30, 32]


@pytest.mark.parametrize("location", ["a1+the_resume_token", "/files/a1+the_resume_token", "//upload.test:443/files/x"])
async def test_a_relative_location_is_resolved_against_the_endpoint(location: str) -> None:
    server = Prepared(created(location), at(4), at(8), at(10))
    assert await server.take() == PLACE.replace("a1+the_resume_token", location.rsplit("/", 1)[-1])


@pytest.mark.parametrize(
    "location",
    [
        "", "https://elsewhere.test/files/a", "http://upload.test:8080/files/a", "https://upload.test:444/files/a",
        "http://elsewhere.test/files/a",
        "//elsewhere.test/a", "https://user:word@upload.test/files/a", "ftp://upload.test/a", "https://[::1", "file:///a",
    ],
)  # fmt: skip
async def test_no_byte_goes_to_a_location_that_is_not_on_the_endpoints_server(location: str) -> None:
    server = Prepared(created(location), at(4))
    with pytest.raises(ProviderUnavailable, match=r"Location|address") as caught:
        await server.take()
    assert (caught.value.code, server.order, server.seen.created) == ("malformed_answer", ["POST"], [])


async def test_a_server_that_does_not_know_of_the_tls_before_it_is_asked_with_tls() -> None:
    """A proxy speaks it for the server, which says http; no byte goes without it."""
    server = Prepared(created(PLACE.replace("https:", "http:")), at(4), at(8), at(10))
    assert await server.take() == PLACE
    assert {request.url.scheme for request in server.asked} == {"https"}


@pytest.mark.parametrize("endpoint", ["ftp://upload.test/", "/files", "https://key@upload.test/", "https://[::1", ""])
async def test_an_endpoint_that_is_no_plain_address_is_not_asked(endpoint: str) -> None:
    server = Prepared(created())
    with pytest.raises(ProviderUnavailable) as caught:
        await server.take(endpoint=endpoint)
    assert (caught.value.code, server.asked) == ("malformed_answer", [])


@pytest.mark.parametrize("key", ["", "two words", "a,b", "ключ", "a\r\nb"])
async def test_a_metadata_key_that_would_break_the_header_is_refused(key: str) -> None:
    server = Prepared(created())
    with pytest.raises(ProviderUnavailable, match="metadata"):
        await server.take(metadata={key: "x"})
    assert server.asked == []


async def test_an_empty_file_is_created_and_that_is_all() -> None:
    server = Prepared(created())
    assert await server.take(io.BytesIO(), size=0) == PLACE
    assert (server.order, server.seen.created, server.seen.progressed) == (["POST"], [PLACE], [])


# --- breaks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [httpx.ConnectError("x"), httpx.RemoteProtocolError("x"), httpx.ReadTimeout("x"), *(
        httpx.Response(status) for status in (408, 409, 423, 425, 500, 503)
    )],
    ids=repr,
)  # fmt: skip
async def test_after_a_break_the_server_says_where_to_go_on(broken: httpx.Response | Exception) -> None:
    server = Prepared(created(), at(4), broken, at(6, status=200), at(10))
    await server.take(pauses=(0,))
    assert server.order == ["POST", "PATCH 0", "PATCH 4", "HEAD", "PATCH 6"]
    assert server.asked[-1].content == b"6789"
    assert server.seen.progressed == [4, 6, 10]


async def test_an_upload_whose_last_answer_was_lost_is_complete() -> None:
    server = Prepared(created(), at(4), at(8), httpx.ReadError("x"), at(10))
    assert await server.take() == PLACE
    assert (server.order[-1], server.seen.progressed) == ("HEAD", [4, 8, 10])


async def test_a_creation_whose_answer_was_lost_is_made_again() -> None:
    server = Prepared(httpx.ReadError("x"), httpx.Response(502), created(), at(4), at(8), at(10))
    await server.take()
    assert (server.order[:4], server.seen.created) == (["POST", "POST", "POST", "PATCH 0"], [PLACE])


async def test_the_pauses_start_over_whenever_there_was_progress() -> None:
    cut = httpx.ReadError("x")
    server = Prepared(cut, created(), cut, at(2), at(6), cut, at(8), cut, at(9), cut, at(10))
    await server.take(pauses=(0,))
    assert server.seen.progressed == [2, 6, 8, 9, 10]


@pytest.mark.parametrize(
    ("broken", "said"),
    [(httpx.ReadTimeout("x"), "no answer in time"), (httpx.Response(503), "503"), (at(4), "no bytes")],
)
async def test_breaks_without_progress_use_up_the_pauses(broken: httpx.Response | Exception, said: str) -> None:
    """Three tries: the first, and one after each pause. A server that accepts no byte is broken too."""
    server = Prepared(created(), at(4), broken, at(4), broken, at(4), broken)
    with pytest.raises(ProviderUnavailable, match=f"byte 4 of 10.*{said}") as caught:
        await server.take(pauses=(0, 0))
    assert caught.value.code == "upload_broken"
    assert server.order[2:] == ["PATCH 4", "HEAD", "PATCH 4", "HEAD", "PATCH 4"]


async def test_an_offset_that_the_server_goes_on_refusing_is_said() -> None:
    server = Prepared(created(), *[httpx.Response(409), at(0)] * 3)
    with pytest.raises(ProviderUnavailable, match="byte 0 of 10: PATCH was answered 409"):
        await server.take()


async def test_a_server_that_accepts_less_than_was_sent_gets_the_rest() -> None:
    server = Prepared(created(), at(1), at(3), at(7), at(10))
    await server.take()
    assert [r.content for r in server.asked[1:]] == [b"0123", b"1234", b"3456", b"789"]


async def test_a_server_that_never_answers_is_a_break() -> None:
    """The deadline is ours and total: this transport knows no timeouts."""

    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with httpx.AsyncClient(transport=httpx.MockTransport(hang)) as http:
        with pytest.raises(ProviderUnavailable, match="POST failed: no answer in time"):
            await upload(
                http, ENDPOINT, io.BytesIO(CONTENT), size=10, metadata={}, created=nobody,
                progressed=lambda _: None, pauses=(0,), answer_seconds=0.02,
            )  # fmt: skip


async def test_a_body_without_end_is_not_read_to_its_end() -> None:
    pieces = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield bytes(PIECE)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(201, headers={"Location": PLACE}, content=endless())
        return at(10)

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        await upload(
            http, ENDPOINT, io.BytesIO(CONTENT), size=10, metadata={}, created=nobody, progressed=lambda _: None
        )
    assert pieces == 2


@pytest.mark.parametrize("packing", ["gzip", "gzip, gzip, gzip", "deflate"])
async def test_a_packed_body_is_not_unpacked(packing: str) -> None:
    """The body is useless, and a few bytes could become gigabytes."""
    taken = []

    async def packed() -> AsyncIterator[bytes]:
        taken.append(packing)
        yield b"no such thing"

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Location": PLACE, "Upload-Offset": "10", "Content-Encoding": packing}
        return httpx.Response(201 if request.method == "POST" else 200, headers=headers, content=packed())

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        await upload(
            http, ENDPOINT, io.BytesIO(CONTENT), size=10, metadata={}, created=nobody, progressed=lambda _: None
        )
    assert taken == []


# --- answers that make no sense --------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", ["", "x", "-1", "+8", "8.0", "0x8", "8, 8", "9" * 30, "3", "9", "11"])
async def test_an_offset_that_makes_no_sense_is_an_error(offset: str) -> None:
    """Four bytes were there and four were sent, so 4 to 8 make sense."""
    server = Prepared(created(), at(4), at(offset))
    with pytest.raises(ProviderUnavailable, match="Upload-Offset") as caught:
        await server.take()
    assert (caught.value.code, server.seen.progressed) == ("malformed_answer", [4])


async def test_an_answer_without_an_offset_is_an_error() -> None:
    server = Prepared(created(), httpx.Response(204))
    with pytest.raises(ProviderUnavailable, match="PATCH has no numeric Upload-Offset"):
        await server.take()


@pytest.mark.parametrize(
    "found", [at(3), at(9), at(6, length=11), httpx.Response(200)], ids=["lost", "ahead", "other length", "none"]
)
async def test_a_server_that_has_something_else_after_a_break_is_an_error(found: httpx.Response) -> None:
    server = Prepared(created(), at(4), httpx.ReadError("x"), found)
    with pytest.raises(ProviderUnavailable) as caught:
        await server.take()
    assert (caught.value.code, server.order[-1]) == ("malformed_answer", "HEAD")


# --- going on with an earlier upload ---------------------------------------------------------------------------------


async def test_a_saved_upload_goes_on_where_the_server_has_it() -> None:
    server = Prepared(at(7, status=200), at(10))
    assert await server.take(location=PLACE) == PLACE
    assert (server.order, server.asked[1].content) == (["HEAD", "PATCH 7"], b"789")
    assert (server.seen.created, server.seen.progressed) == ([], [7, 10])


async def test_a_saved_upload_that_is_complete_is_only_asked_about() -> None:
    server = Prepared(at(10, status=200))
    assert await server.take(location=PLACE) == PLACE
    assert server.order == ["HEAD"]


async def test_a_saved_upload_that_is_locked_for_a_while_is_asked_about_again() -> None:
    server = Prepared(httpx.Response(423), httpx.ReadError("x"), at(8), at(10))
    await server.take(location=PLACE)
    assert server.order == ["HEAD", "HEAD", "HEAD", "PATCH 8"]


@pytest.mark.parametrize(
    "gone", [httpx.Response(403), httpx.Response(404), httpx.Response(410), at(4, length=11)], ids=repr
)
async def test_a_saved_upload_that_is_gone_or_of_another_size_is_started_anew(gone: httpx.Response) -> None:
    server = Prepared(gone, created(ENDPOINT + "new"), at(4), at(8), at(10))
    assert await server.take(location=PLACE) == ENDPOINT + "new"
    assert server.order == ["HEAD", "POST", "PATCH 0", "PATCH 4", "PATCH 8"]
    assert (server.seen.created, server.seen.progressed) == ([ENDPOINT + "new"], [4, 8, 10])


@pytest.mark.parametrize(
    "location", ["https://elsewhere.test/files/a", "", "https://[::1", "http://upload.test:8080/files/a"]
)
async def test_a_saved_location_of_another_server_is_not_asked(location: str) -> None:
    server = Prepared(created(), at(4), at(8), at(10))
    assert await server.take(location=location) == PLACE
    assert server.order[0] == "POST"


async def test_a_saved_upload_that_has_more_than_the_file_is_an_error() -> None:
    server = Prepared(at(11))
    with pytest.raises(ProviderUnavailable, match="not within 0 and 10"):
        await server.take(location=PLACE)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (400, InvalidRequest, "refuses"), (401, InvalidRequest, "ticket"), (403, InvalidRequest, "ticket"),
        (404, NotFound, "does not know the upload"), (410, NotFound, "removed"), (412, InvalidRequest, "tus 1.0.0"),
        (413, InvalidRequest, "size"), (418, InvalidRequest, "refuses"), (429, RateLimited, "fewer"),
        (302, ProviderUnavailable, "redirects"), (308, ProviderUnavailable, "redirects"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("before", [(), (created(),)], ids=["POST", "PATCH"])
async def test_a_refusal_is_raised_at_once_and_no_redirect_is_followed(
    before: tuple[httpx.Response, ...], status: int, kind: type[ProviderError], said: str
) -> None:
    refused = httpx.Response(status, headers={"Location": ENDPOINT + "b", "X-Request-Id": "req_1"})
    server = Prepared(*before, refused)
    with pytest.raises(kind, match=said) as caught:
        await server.take(follow_redirects=True)
    error = caught.value
    assert (type(error), error.status, error.code, error.request_id) == (kind, status, f"http_{status}", "req_1")
    assert len(server.asked) == len(before) + 1


async def test_an_upload_that_vanishes_under_way_is_not_found() -> None:
    server = Prepared(created(), at(4), httpx.ReadError("x"), httpx.Response(404))
    with pytest.raises(NotFound, match="HEAD"):
        await server.take()


@pytest.mark.parametrize(
    "answers",
    [
        [httpx.Response(400, text=TICKET)],
        [httpx.Response(503, text=TICKET)],
        [created(PLACE.replace("upload.test", "elsewhere.test"))],
        [created(f"https://[{PLACE}")],
        [created(), httpx.Response(404, text=PLACE)],
        [created(), at(PLACE)],
        [created(), httpx.Response(307, headers={"Location": PLACE})],
        [created(), httpx.ReadError("x")],
        [created(), at(0)],
    ],
)
async def test_neither_ticket_nor_resume_token_is_in_an_error(answers: list[httpx.Response | Exception]) -> None:
    with pytest.raises(ProviderError) as caught:
        await Prepared(*answers).take()
    shown = "".join(traceback.format_exception(caught.value))
    for secret in (TICKET, base64.b64encode(TICKET.encode()).decode(), "the_resume_token"):
        assert secret not in shown + repr(caught.value)


async def test_our_log_shows_neither_ticket_nor_resume_token(capsys: pytest.CaptureFixture[str]) -> None:
    """The HTTP client writes every address at info; our log leaves that out also where everything else is wanted."""
    with everything_logged():
        await Prepared(created(), httpx.ReadError("x"), at(4), at(8), at(10)).take()
    written = capsys.readouterr().err
    assert "this is shown" in written
    assert not any(secret in written for secret in (TICKET, "the_resume_token", "Upload-Metadata"))


# --- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"012345678", b"0123", b"", b"0123456789a"])
async def test_a_file_that_is_not_of_the_size_it_had_is_not_completed(content: bytes) -> None:
    server = Prepared(created(), at(4), at(8), at(10))
    with pytest.raises(ImpossibleError, match="the file changed while it was uploaded"):
        await server.take(io.BytesIO(content))
    assert b"".join(r.content for r in server.asked) in CONTENT[:8]


async def test_the_file_is_read_in_chunks_and_never_on_the_event_loop() -> None:
    class Watched(io.BytesIO):
        reads: list[tuple[int | None, bool]] = []  # noqa: RUF012 - one instance

        def read(self, size: int | None = -1, /) -> bytes:
            self.reads.append((size, threading.current_thread() is threading.main_thread()))
            return super().read(size)

    file = Watched(CONTENT)
    await Prepared(created(), at(4), at(8), at(10)).take(file)
    assert file.reads == [(4, False), (4, False), (2, False), (1, False)]
