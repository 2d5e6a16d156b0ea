"""`receiver.providers.downloads`: a file comes whole or not at all, from a real server that fails in every way."""

import asyncio
import base64
import hashlib
import json
import random
import stat
import sys
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from receiver.errors import (
    BusyError,
    ImpossibleError,
    InvalidRequest,
    NotFound,
    ProviderError,
    ProviderUnavailable,
    ReceiverError,
)
from receiver.providers import egress
from receiver.providers.downloads import Downloaded, Link, Pace, download
from tests.providers.scripted import Stream, everything_logged, shown
from tests.servers import lead_here, sent_nothing

MIB = 1024 * 1024
STEP = 64 * 1024
CONTENT = random.Random(3).randbytes(3 * STEP + 17)  # noqa: S311 - a file
OTHER = random.Random(4).randbytes(3 * STEP + 17)  # noqa: S311 - another file
TICKET = "X-Goog-Signature=open-sesame"
PACE = Pace(pauses=(0.0, 0.0))
BRIEF = Pace(stall=0.2, pauses=())


def md5(content: bytes) -> str:
    return "md5=" + base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


@dataclass(frozen=True, slots=True)
class Answer:
    """How the server answers one request.

    Attributes:
        status: another than 200 and 206 has no body.
        content: the whole file.
        etag: None for none.
        headers: more headers.
        cut: after how many bytes of the body the connection is closed.
        stalls: whether it stays open instead, without another byte.
        ranges: whether the server can continue a file, `always` without looking whether it is still the same.
        ending: how the body's end is told.
        raw: everything that is sent, if it is no answer.
    """

    status: int = 200
    content: bytes = CONTENT
    etag: str | None = '"one"'
    headers: tuple[str, ...] = ()
    cut: int | None = None
    stalls: bool = False
    ranges: str = "if the same"
    ending: str = "length"
    raw: bytes = b""

    def start(self, asked: dict[str, str]) -> int:
        """Return the first byte that the answer brings."""
        is_same = self.ranges == "always" or asked.get("if-range") == self.etag
        wants = asked.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-")
        return int(wants) if is_same and self.ranges != "never" else 0

    def head(self, start: int) -> bytes:
        length = len(self.content) - start
        status = self.status
        lines = ["Content-Type: audio/wav", *self.headers]
        if status != 200:
            length = 0
        elif start >= len(self.content) > 0:
            status, length = 416, 0
        elif start:
            status = 206
            lines.append(f"Content-Range: bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        lines += [] if self.etag is None else [f"ETag: {self.etag}"]
        lines += {"length": [f"Content-Length: {length}"], "chunks": ["Transfer-Encoding: chunked"]}.get(
            self.ending, []
        )
        return "\r\n".join([f"HTTP/1.1 {status} Said", *lines, "", ""]).encode()

    def body(self, start: int) -> Iterator[bytes]:
        whole = b"" if self.status != 200 else self.content
        sent = memoryview(whole)[start : None if self.cut is None else start + self.cut]
        for at in range(0, len(sent), STEP):
            piece = bytes(sent[at : at + STEP])
            yield b"%x\r\n%b\r\n" % (len(piece), piece) if self.ending == "chunks" else piece
        if self.ending == "chunks" and self.cut is None:
            yield b"0\r\n\r\n"


class Server:
    """A web server on a socket. It gives the listed answers, and repeats the last one."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, str]] = []
        self.stalled = asyncio.Event()
        self.url = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Server"]:
        listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/f?{TICKET}"
        async with listener:
            yield self

    @property
    def ranges(self) -> list[str | None]:
        """What each request asked for."""
        return [asked.get("range") for asked in self.asked]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
            asked = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            self.asked.append({"line": first, **asked})
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            await self._give(answer, answer.start(asked), writer)
            if answer.stalls:
                self.stalled.set()
                await reader.read()
        except ConnectionError:
            pass  # the client has enough
        finally:
            writer.close()

    async def _give(self, answer: Answer, start: int, writer: asyncio.StreamWriter) -> None:
        writer.write(answer.raw or answer.head(start))
        for piece in answer.body(start) if not answer.raw else ():
            writer.write(piece)
            await writer.drain()


@dataclass
class Wanted:
    """A download: where to, and what it is allowed to do."""

    into: Path
    most: int = 4 * STEP
    reserve: int = 0
    private: bool = True
    pace: Pace = PACE
    links: int = 0
    http: Callable[[], httpx.AsyncClient] = egress.client

    async def from_link(self, url: str) -> Downloaded:
        async def link() -> SecretStr:
            self.links += 1
            return SecretStr(f"{url}&link={self.links}")

        return await self.get(link)

    async def get(self, link: Link | SecretStr) -> Downloaded:
        async with self.http() as http:
            return await download(
                http, link, self.into, most=self.most, private=self.private, reserve=self.reserve, pace=self.pace
            )

    @property
    def left(self) -> list[str]:
        """The names of what is in the folder."""
        return sorted(path.name for path in self.into.parent.iterdir())


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    return Wanted(tmp_path / "timbr" / "sub_1" / "speech.wav")


def is_whole(wanted: Wanted, got: Downloaded, content: bytes = CONTENT) -> bool:
    expected = Downloaded(len(content), hashlib.sha256(content).hexdigest(), "audio/wav")
    return wanted.into.read_bytes() == content and got == expected and wanted.left == [wanted.into.name]


async def whole(wanted: Wanted, *answers: Answer, content: bytes = CONTENT) -> Server:
    """Download from a link; the file comes whole."""
    async with Server(*answers).listening() as server:
        got = await wanted.from_link(server.url)
    assert is_whole(wanted, got, content)
    return server


async def refused(wanted: Wanted, *answers: Answer) -> tuple[ReceiverError, Server]:
    """Download from a link; no file comes, and the error shows no ticket."""
    async with Server(*answers).listening() as server:
        with pytest.raises((ProviderError, ImpossibleError)) as caught:
            await wanted.from_link(server.url)
    assert not wanted.into.exists()
    assert "sesame" not in shown(caught.value)
    return caught.value, server


async def interrupted(wanted: Wanted, at: int, *, etag: str | None = '"one"') -> None:
    """Cancel a download of which `at` bytes have arrived."""
    waits = asyncio.Event()

    async with Server(Answer(cut=at, etag=etag), Answer(status=403)).listening() as server:

        async def link() -> SecretStr:
            if server.asked:
                waits.set()
                await asyncio.Event().wait()
            return SecretStr(server.url)

        downloading = asyncio.create_task(wanted.get(link))
        await waits.wait()
        downloading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await downloading
    assert not wanted.into.exists()
    assert (wanted.into.parent / "speech.wav.part").read_bytes() == CONTENT[:at]


# --- whole -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [CONTENT, b"", b"x"])
@pytest.mark.parametrize("ending", ["length", "chunks"])
async def test_a_file_comes_whole_and_only_for_us(wanted: Wanted, content: bytes, ending: str) -> None:
    server = await whole(wanted, Answer(content=content, ending=ending), content=content)
    assert (len(server.asked), wanted.links) == (1, 1)
    assert stat.S_IMODE(wanted.into.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in list(wanted.into.parents)[:2]} == {0o700}


async def test_a_file_of_this_name_is_replaced(wanted: Wanted) -> None:
    await whole(wanted, Answer())
    await whole(wanted, Answer(content=OTHER), content=OTHER)


async def test_the_server_of_a_link_learns_nothing_of_the_client(wanted: Wanted) -> None:
    wanted.http = lambda: httpx.AsyncClient(
        trust_env=False, headers={"Authorization": "Bearer secret", "X-Key": "secret"}, cookies={"session": "secret"},
        auth=("name", "secret"),
    )  # fmt: skip
    server = await whole(wanted, Answer())
    assert set(server.asked[0]) == {"line", "host", "user-agent", "accept", "accept-encoding"}
    assert server.asked[0]["accept-encoding"] == "identity"


async def test_a_large_file_takes_little_memory(wanted: Wanted) -> None:
    piece = bytes(STEP)
    pieces = 1024

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (pieces * len(piece)))
        for _ in range(pieces):
            writer.write(piece)
            await writer.drain()
        writer.close()

    wanted.most = 64 * MIB
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        tracemalloc.start()
        try:
            got = await wanted.from_link(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/f?")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert got.bytes == wanted.into.stat().st_size == 64 * MIB
    assert got.sha256 == hashlib.sha256(bytes(64 * MIB)).hexdigest()
    assert peak < 8 * MIB


# --- cut -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["length", "chunks"])
async def test_a_cut_file_is_continued_where_it_stopped(wanted: Wanted, ending: str) -> None:
    cut = Answer(cut=STEP + 5, ending=ending)
    server = await whole(wanted, cut, cut, Answer())
    assert server.ranges == [None, f"bytes={STEP + 5}-", f"bytes={2 * (STEP + 5)}-"]
    assert [asked.get("if-range") for asked in server.asked] == [None, '"one"', '"one"']
    assert wanted.links == 1


async def test_a_file_that_has_changed_since_the_cut_comes_from_its_beginning(wanted: Wanted) -> None:
    server = await whole(wanted, Answer(cut=STEP), Answer(content=OTHER, etag='"two"'), content=OTHER)
    assert server.ranges == [None, f"bytes={STEP}-"]


async def test_a_file_that_has_become_shorter_since_the_cut_has_no_old_end(wanted: Wanted) -> None:
    await whole(wanted, Answer(cut=STEP), Answer(content=b"short", etag='"two"'), content=b"short")


async def test_a_server_that_continues_another_file_is_asked_for_all_of_it(wanted: Wanted) -> None:
    other = Answer(content=OTHER, etag='"two"', ranges="always")
    server = await whole(wanted, Answer(cut=STEP), other, other, content=OTHER)
    assert server.ranges == [None, f"bytes={STEP}-", None]


async def test_a_server_that_continues_elsewhere_is_asked_for_all_of_it(wanted: Wanted) -> None:
    elsewhere = Answer(raw=b"HTTP/1.1 206 Said\r\nContent-Range: bytes 7-8/9\r\nContent-Length: 2\r\n\r\nab")
    server = await whole(wanted, Answer(cut=STEP), elsewhere, Answer())
    assert server.ranges == [None, f"bytes={STEP}-", None]


@pytest.mark.parametrize("etag", [None, 'W/"one"', '"one"x', "one"])
async def test_without_a_promise_of_the_same_bytes_a_cut_file_comes_from_its_beginning(
    wanted: Wanted, etag: str | None
) -> None:
    server = await whole(wanted, Answer(cut=STEP, etag=etag), Answer(etag=etag))
    assert server.ranges == [None, None]


async def test_a_server_without_ranges_sends_all_of_it_again(wanted: Wanted) -> None:
    await whole(wanted, Answer(cut=STEP), Answer(ranges="never"))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_a_server_that_is_busy_is_asked_again(wanted: Wanted, status: int) -> None:
    server = await whole(wanted, Answer(status=status), Answer(status=status), Answer())
    assert (len(server.asked), wanted.links) == (3, 1)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(cut=0), "at byte 0: the connection was cut"),
        (Answer(cut=9, ranges="never"), "at byte 9: the connection was cut"),
        (Answer(status=503), "at byte 0: the server answered 503"),
        (Answer(raw=f"HTTP/1.1 200 Said\r\nLocation {TICKET}\r\n\r\n".encode()), "at byte 0: the connection was cut"),
    ],
)
async def test_breaks_without_progress_use_up_the_pauses(wanted: Wanted, answer: Answer, problem: str) -> None:
    error, server = await refused(wanted, answer)
    assert isinstance(error, ProviderUnavailable)
    assert (error.code, len(server.asked)) == ("download_broken", 3)
    assert problem in str(error)


async def test_progress_brings_the_pauses_back(wanted: Wanted) -> None:
    server = await whole(wanted, *[Answer(cut=STEP // 2)] * 6, Answer())
    assert len(server.asked) == 7


async def test_a_server_that_falls_silent_is_not_waited_for(wanted: Wanted) -> None:
    wanted.pace = BRIEF
    error, _ = await refused(wanted, Answer(cut=STEP, stalls=True))
    assert isinstance(error, ProviderUnavailable)
    assert "no answer in time" in str(error)


@pytest.mark.parametrize("ending", ["length", "chunks"])
async def test_the_time_of_a_download_has_an_end(wanted: Wanted, ending: str) -> None:
    wanted.pace = Pace(least=0.05, slowest=1_000_000_000)
    error, _ = await refused(wanted, Answer(cut=STEP, stalls=True, ending=ending))
    assert isinstance(error, ProviderUnavailable)
    assert error.code == "transport"
    assert "takes too long" in str(error)


async def test_a_file_has_time_by_its_own_size_and_not_by_the_largest(wanted: Wanted) -> None:
    wanted.pace, wanted.most = Pace(least=0.05, slowest=10 * STEP), 10**15
    error, _ = await refused(wanted, Answer(cut=STEP, stalls=True))
    assert isinstance(error, ProviderUnavailable)
    assert error.code == "transport"


# --- an earlier run --------------------------------------------------------------------------------------------------


async def test_a_cancelled_download_is_continued_by_the_next(wanted: Wanted) -> None:
    await interrupted(wanted, 2 * STEP + 3)
    server = await whole(wanted, Answer(headers=(f"x-goog-hash: {md5(CONTENT)}",)))
    assert server.ranges == [f"bytes={2 * STEP + 3}-"]


async def test_a_download_is_cancelled_while_bytes_are_written(wanted: Wanted) -> None:
    content, wanted.most = CONTENT * 16, 4 * MIB
    async with Server(Answer(content=content, cut=2 * MIB, stalls=True)).listening() as server:
        downloading = asyncio.create_task(wanted.from_link(server.url))
        await server.stalled.wait()
        downloading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await downloading
    assert content.startswith((wanted.into.parent / "speech.wav.part").read_bytes())
    await whole(wanted, Answer(content=content), content=content)


CRASHING = """
import os, pathlib, sys
from receiver.providers.downloads.part import Part
part = Part(pathlib.Path(sys.argv[1]), reserve=0, noted_every=int(sys.argv[2]) * 2)
part.open()
part.begin('"one"')
content = sys.stdin.buffer.read()
for at in range(0, len(content), int(sys.argv[2])):
    part.write(content[at : at + int(sys.argv[2])])
os.kill(os.getpid(), 9)
"""


async def test_a_crash_costs_what_has_come_since_the_last_note(wanted: Wanted) -> None:
    crashing = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CRASHING, str(wanted.into), str(STEP), stdin=asyncio.subprocess.PIPE
    )
    await crashing.communicate(CONTENT[: 3 * STEP])
    assert crashing.returncode == -9
    assert (await whole(wanted, Answer())).ranges == [f"bytes={2 * STEP}-"]


async def test_what_a_crash_left_behind_the_noted_bytes_is_not_believed(wanted: Wanted) -> None:
    await interrupted(wanted, STEP)
    with (wanted.into.parent / "speech.wav.part").open("ab") as part:
        part.write(bytes(4 * STEP))
    assert (await whole(wanted, Answer())).ranges == [f"bytes={STEP}-"]


async def test_a_note_is_not_believed_of_the_file_that_came_after(wanted: Wanted) -> None:
    await interrupted(wanted, STEP)
    await refused(wanted, Answer(content=OTHER, etag=None, cut=2 * STEP, ranges="never"))
    assert (await whole(wanted, Answer())).ranges == [None]


async def test_a_note_of_more_than_there_is_is_not_believed(wanted: Wanted) -> None:
    await interrupted(wanted, STEP)
    with (wanted.into.parent / "speech.wav.part").open("r+b") as part:
        part.truncate(STEP - 1)
    assert (await whole(wanted, Answer())).ranges == [None]


@pytest.mark.parametrize("note", ["", "[]", '{"etag": "\\"one\\""}', '{"etag": "\\"one\\"", "bytes": null}', None])
async def test_a_part_without_a_note_is_replaced(wanted: Wanted, note: str | None) -> None:
    await interrupted(wanted, STEP)
    noted = wanted.into.parent / "speech.wav.part.note"
    noted.unlink() if note is None else noted.write_text(note)
    assert (await whole(wanted, Answer())).ranges == [None]


async def test_a_part_of_a_file_without_an_etag_is_replaced(wanted: Wanted) -> None:
    await interrupted(wanted, STEP, etag=None)
    assert (await whole(wanted, Answer(etag=None))).ranges == [None]


async def test_a_part_that_has_every_byte_already_is_not_taken_for_whole(wanted: Wanted) -> None:
    await interrupted(wanted, STEP)
    part = wanted.into.parent / "speech.wav.part"
    part.write_bytes(CONTENT)
    part.with_suffix(".part.note").write_text(json.dumps({"etag": '"one"', "bytes": len(CONTENT)}))
    server = await whole(wanted, Answer())
    assert server.ranges == [f"bytes={len(CONTENT)}-", None]


async def test_nothing_that_is_kept_holds_the_link(wanted: Wanted) -> None:
    await interrupted(wanted, STEP)
    assert wanted.left == ["speech.wav.part", "speech.wav.part.note"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in wanted.into.parent.iterdir()} == {0o600}
    assert not any(b"sesame" in path.read_bytes() for path in wanted.into.parent.iterdir())


async def test_two_downloads_of_one_file_do_not_meet(wanted: Wanted) -> None:
    asked, go = asyncio.Event(), asyncio.Event()
    async with Server(Answer()).listening() as server:

        async def link() -> SecretStr:
            asked.set()
            await go.wait()
            return SecretStr(server.url)

        first = asyncio.create_task(wanted.get(link))
        await asked.wait()
        with pytest.raises(BusyError, match="by another process"):
            await wanted.from_link(server.url)
        go.set()
        assert is_whole(wanted, await first)


async def test_a_link_in_the_folder_is_not_followed(wanted: Wanted, tmp_path: Path) -> None:
    ours = tmp_path / "ours"
    ours.write_text("ours")
    wanted.into.parent.mkdir(parents=True)
    (wanted.into.parent / "speech.wav.part").symlink_to(ours)
    error, server = await refused(wanted, Answer())
    assert "cannot be written: it is a link" in str(error)
    assert (ours.read_text(), server.asked) == ("ours", [])


# --- bounds ----------------------------------------------------------------------------------------------------------


async def test_a_file_that_is_too_large_is_not_begun(wanted: Wanted) -> None:
    wanted.most = len(CONTENT) - 1
    wanted.pace = BRIEF
    error, _ = await refused(wanted, Answer(cut=0, stalls=True))
    assert isinstance(error, ImpossibleError)
    assert error.code == "too_large"
    assert "RECEIVER_ARTIFACT_MAX_MB" in str(error)
    assert wanted.left == []


async def test_a_file_that_grows_too_large_is_given_up(wanted: Wanted) -> None:
    wanted.most = len(CONTENT) - 1
    wanted.pace = BRIEF
    error, _ = await refused(wanted, Answer(ending="chunks", stalls=True))
    assert isinstance(error, ImpossibleError)
    assert error.code == "too_large"
    assert wanted.left == []


async def test_a_file_of_exactly_the_largest_size_comes(wanted: Wanted) -> None:
    wanted.most = len(CONTENT)
    await whole(wanted, Answer(ending="chunks"))


@pytest.mark.parametrize("ending", ["length", "chunks"])
async def test_a_part_of_the_disk_stays_free(wanted: Wanted, ending: str) -> None:
    wanted.reserve = 2**62
    error, _ = await refused(wanted, Answer(ending=ending))
    assert isinstance(error, ImpossibleError)
    assert error.code == "no_space"
    assert "lacks 4,6" in str(error)
    assert wanted.left == []


# --- checksums -------------------------------------------------------------------------------------------------------

WRONG = ["x-goog-hash: md5=AAAAAAAAAAAAAAAAAAAAAA==", "x-goog-hash: md5=?", "x-goog-hash: crc32c=AAAAAA==,md5=AAAA"]


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_file_with_a_wrong_checksum_is_asked_for_once_more_from_its_beginning(
    wanted: Wanted, wrong: str
) -> None:
    right = Answer(headers=("x-goog-hash: crc32c=AAAAAA==", f"x-goog-hash: {md5(CONTENT)}"))
    server = await whole(wanted, Answer(cut=STEP), Answer(headers=(wrong,)), right)
    assert server.ranges == [None, f"bytes={STEP}-", None]


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_file_whose_checksum_stays_wrong_does_not_come(wanted: Wanted, wrong: str) -> None:
    error, server = await refused(wanted, Answer(headers=(wrong,)))
    assert isinstance(error, ProviderUnavailable)
    assert (error.code, server.ranges) == ("wrong_checksum", [None, None])


async def test_the_checksum_of_a_packed_file_says_nothing_of_the_unpacked_one(wanted: Wanted) -> None:
    await whole(wanted, Answer(headers=(WRONG[0], "x-goog-stored-content-encoding: gzip")))


# --- answers that bring no file --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dead", [400, 401, 403, 404, 410])
async def test_for_a_dead_link_there_is_a_fresh_one(wanted: Wanted, dead: int) -> None:
    server = await whole(wanted, Answer(status=dead), Answer(status=dead), Answer())
    assert [asked["line"].partition("&")[2] for asked in server.asked] == [f"link={n} HTTP/1.1" for n in (1, 2, 3)]


async def test_three_dead_links_are_enough(wanted: Wanted) -> None:
    error, server = await refused(wanted, Answer(status=403))
    assert isinstance(error, ProviderUnavailable)
    assert (error.code, error.status, wanted.links, len(server.asked)) == ("dead_links", 403, 3, 3)
    assert "the links die" in str(error)


async def test_a_link_that_brought_bytes_was_not_dead(wanted: Wanted) -> None:
    """A slow line needs more links than three for a large file."""
    await whole(wanted, *[Answer(cut=STEP // 2), Answer(status=403)] * 5, Answer())
    assert wanted.links == 6


@pytest.mark.parametrize(
    "answer",
    [
        Answer(headers=("Content-Encoding: gzip",)),
        Answer(ending="none"),
        Answer(status=204),
        Answer(status=206),
        Answer(status=302, headers=(f"Location: /elsewhere?{TICKET}",)),
        Answer(status=302),
    ],
)
async def test_an_answer_that_is_no_file_is_not_kept(wanted: Wanted, answer: Answer) -> None:
    error, server = await refused(wanted, answer)
    assert isinstance(error, ProviderUnavailable)
    assert (error.code, len(server.asked)) == ("malformed_answer", 1)


async def test_a_refusal_is_final(wanted: Wanted) -> None:
    error, server = await refused(wanted, Answer(status=451))
    assert isinstance(error, InvalidRequest)
    assert (error.code, len(server.asked)) == ("http_451", 1)


async def test_our_log_shows_no_link(wanted: Wanted, capsys: pytest.CaptureFixture[str]) -> None:
    with everything_logged():
        await whole(wanted, Answer(cut=STEP), Answer(status=403), Answer())
    written = capsys.readouterr().err
    assert "this is shown" in written
    assert "sesame" not in written


# --- where a link leads ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://files.test/f", "https://127.0.0.1/f", "https://localhost/f", "https://10.0.0.1/f", "https://[::1]/f",
        "https://169.254.169.254/latest", "https://[::ffff:192.168.1.1]/f", "ftp://files.test/f",
        "https://name:password@files.test/f", "nonsense",
    ],
)  # fmt: skip
async def test_a_link_leads_to_a_public_https_address(wanted: Wanted, url: str) -> None:
    wanted.private = False
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    wanted.http = lambda: httpx.AsyncClient(transport=httpx.MockTransport(answer))
    with pytest.raises(ProviderUnavailable, match="not a ") as caught:
        await wanted.from_link(f"{url}?{TICKET}")
    assert caught.value.code == "malformed_answer"
    assert "sesame" not in shown(caught.value)
    with pytest.raises(InvalidRequest, match="not a "):  # nobody has another one
        await wanted.get(SecretStr(url))
    assert asked == []


async def test_a_file_comes_from_a_public_https_address(wanted: Wanted) -> None:
    wanted.private = False
    headers = {"Content-Length": "3", "Content-Type": "audio/wav"}
    answer = httpx.Response(200, headers=headers, stream=Stream(b"abc", pieces=1))
    wanted.http = lambda: httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer))
    assert is_whole(wanted, await wanted.from_link("https://files.test/f?"), b"abc")


async def test_a_name_that_has_become_a_place_of_ours_is_not_sent_a_byte(
    wanted: Wanted, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead_here("test", monkeypatch)
    wanted.private, wanted.pace = False, BRIEF
    async with sent_nothing() as port:
        with pytest.raises(ProviderUnavailable, match=r"files\.test, which is 127\.0\.0\.1"):
            await wanted.from_link(f"https://files.test:{port}/f?{TICKET}")


# --- a person's URL --------------------------------------------------------------------------------------------------


async def from_url(wanted: Wanted, *answers: Answer) -> tuple[Downloaded | ProviderError, Server]:
    async with Server(*answers).listening() as server:
        got = (await asyncio.gather(wanted.get(SecretStr(server.url)), return_exceptions=True))[0]
    assert isinstance(got, Downloaded | ProviderError)
    assert not isinstance(got, ProviderError) or "sesame" not in shown(got)
    return got, server


HOP = Answer(status=307, headers=(f"Location: /next?{TICKET}",))


async def test_a_url_can_redirect_five_times(wanted: Wanted) -> None:
    got, server = await from_url(wanted, *[HOP] * 5, Answer())
    assert isinstance(got, Downloaded)
    assert is_whole(wanted, got)
    assert server.asked[5]["line"].startswith("GET /next")
    error, server = await from_url(wanted, HOP)
    assert isinstance(error, InvalidRequest)
    assert len(server.asked) == 6


async def test_after_a_cut_a_redirected_url_is_asked_from_its_beginning(wanted: Wanted) -> None:
    got, server = await from_url(wanted, HOP, Answer(cut=STEP), HOP, Answer())
    assert isinstance(got, Downloaded)
    assert is_whole(wanted, got)
    assert [asked["line"].split("?")[0] for asked in server.asked] == ["GET /f", "GET /next"] * 2
    assert server.ranges[3] == f"bytes={STEP}-"


@pytest.mark.parametrize(
    "place", ["http://files.test/f", "https://169.254.169.254/latest", "https://me:you@files.test/f"]
)
async def test_a_redirect_leads_to_a_public_https_address(wanted: Wanted, place: str) -> None:
    wanted.private = False
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(302, headers={"Location": place})

    wanted.http = lambda: httpx.AsyncClient(transport=httpx.MockTransport(answer))
    with pytest.raises(InvalidRequest, match="not a "):
        await wanted.get(SecretStr("https://files.test/f"))
    assert asked == ["https://files.test/f"]


@pytest.mark.parametrize(
    ("status", "kind"), [(400, InvalidRequest), (403, InvalidRequest), (404, NotFound), (410, NotFound)]
)
async def test_for_a_dead_url_there_is_no_fresh_one(wanted: Wanted, status: int, kind: type[ProviderError]) -> None:
    error, server = await from_url(wanted, Answer(status=status))
    assert type(error) is kind
    assert (error.code, len(server.asked)) == (f"http_{status}", 1)
