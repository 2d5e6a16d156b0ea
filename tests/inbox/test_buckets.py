"""`inbox.buckets`: objects at moto's server, and what is said where a bucket refuses, is away, or is no bucket."""

import hashlib
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from receiver.errors import ImpossibleError
from receiver.inbox import buckets
from receiver.inbox.buckets import MEGABYTE, Bucket, BucketError
from receiver.inbox.retry import Later, RetryPolicy, decide
from receiver.providers import files
from tests.buckets import KEY, SECRET, Objects
from tests.handlers.ready.test_bucket import odd
from tests.handlers.ready.titles import TITLES
from tests.processes import free_port

LARGE = bytes(range(256)) * (12 * MEGABYTE // 256)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_a_large_file_goes_there_and_comes_back(objects: Objects, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    bucket = Bucket("s3://notes/a/b")
    await bucket.put("c/large", tmp_path / "large")
    assert objects.all() == {"a/b/c/large": LARGE}
    assert await bucket.size("c/large") == len(LARGE)
    whole, path = Bucket.of("s3://notes/a/b/c/large")
    await whole.fetch(path, tmp_path / "back", size=len(LARGE), sha256=sha256(LARGE))
    assert (tmp_path / "back").read_bytes() == LARGE
    assert sorted(one.name for one in tmp_path.iterdir()) == ["back", "large"]


async def test_what_is_put_twice_is_replaced(objects: Objects) -> None:
    for content in (b"first", b"second"):
        await Bucket("s3://notes").put("a", content)
    assert objects.all() == {"a": b"second"}


@pytest.mark.parametrize(("start", "end"), [(0, 10), (3, 4), (4, 10), (9, 10)])
async def test_a_part_comes_in_pieces(objects: Objects, start: int, end: int) -> None:
    objects.put("a", b"0123456789")
    pieces = [one async for one in Bucket("s3://notes").pieces("a", start, end, size=10, each=3)]
    assert b"".join(pieces) == b"0123456789"[start:end]
    assert max(map(len, pieces)) <= 3


async def test_an_empty_file_is_a_file(objects: Objects, tmp_path: Path) -> None:
    objects.put("a", b"")
    await Bucket("s3://notes").fetch("a", tmp_path / "a", size=0, sha256=sha256(b""))
    assert (tmp_path / "a").read_bytes() == b""


@pytest.mark.parametrize("there", [b"right and more", b"other", b"no"])
async def test_another_file_than_was_stored_is_not_taken(objects: Objects, tmp_path: Path, there: bytes) -> None:
    objects.put("a", there)
    with pytest.raises(ImpossibleError, match=r"^s3://notes/a is not the file any more that was stored$"):
        await Bucket("s3://notes").fetch("a", tmp_path / "a", size=5, sha256=sha256(b"right"))
    assert not [*tmp_path.iterdir()]


async def test_an_object_that_is_replaced_meanwhile_is_not_mixed_with_its_successor(objects: Objects) -> None:
    objects.put("a", b"111111")
    pieces = Bucket("s3://notes").pieces("a", 0, 6, size=6, each=3)
    assert await anext(pieces) == b"111"
    objects.put("a", b"222222")
    with pytest.raises(BucketError, match=r"^s3://notes/a was replaced while it was read$"):
        await anext(pieces)


async def test_objects_are_deleted_whether_they_are_there_or_not(objects: Objects) -> None:
    for name in ("p/a", "p/b", "b"):
        objects.put(name, b"x")
    await Bucket("s3://notes/p").delete(["a", "b", "c"])
    await Bucket("s3://notes/p").delete([])
    assert objects.all() == {"b": b"x"}


async def test_a_key_is_what_the_harmless_name_is(objects: Objects) -> None:
    names = {files.harmless(title) for title in [*TITLES, "100% {sure} `x` ~y [z] ^q #1 + & = @ ü 😀", "a%2Fb", "a?b"]}
    bucket = Bucket("s3://notes/talks")
    for name in names:
        await bucket.put(f"timbr/sub_1/{name}", name.encode())
    assert objects.all() == {f"talks/timbr/sub_1/{name}": name.encode() for name in names}
    assert len(names) > 100


@pytest.mark.usefixtures("objects")
async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    bucket = Bucket("s3://notes/p")
    with pytest.raises(ImpossibleError, match=r"^s3://notes/p/a is not there$"):
        await bucket.size("a")
    with pytest.raises(ImpossibleError, match=r"^s3://notes/p/a is not there$"):
        await bucket.fetch("a", tmp_path / "a", size=1, sha256="")
    with pytest.raises(BucketError, match=r"^there is no bucket nowhere: make it, or correct its address$"):
        await Bucket("s3://nowhere").put("a", b"x")
    with pytest.raises(BucketError, match=r"^there is no bucket nowhere:"):
        await Bucket("s3://nowhere").delete(["a"])
    with pytest.raises(FileNotFoundError):  # of this machine
        await bucket.put("a", tmp_path / "none")


HEARD: list[tuple[int, str]] = []  # by servers that refuse: the port of whoever asked, and the key


@contextmanager
def refusing(status: int, code: str = "NotYours") -> Iterator[str]:
    """Run a server that refuses everything with a status, and repeats what was sent; yield its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            HEARD.append((self.client_address[1], self.headers["authorization"].partition("/")[0]))
            self.rfile.read(int(self.headers.get("content-length") or 0))
            said = f"<Error><Code>{code}</Code><StringToSign>{self.headers['authorization']}</StringToSign></Error>"
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.encode())

        do_GET = do_PUT = do_POST = do_HEAD = answer  # noqa: N815 - as the server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://user:pa55word@127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (403, r"refuses the key \(403 NotYours\): see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"),
        (401, r"refuses the key \(401 NotYours\)"), (400, r"answers 400 NotYours"), (404, r"/p/a is not there"),
    ],
)  # fmt: skip
async def test_what_a_bucket_answers_is_said_and_no_secret(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, status: int, why: str
) -> None:
    del objects
    with refusing(status) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        bucket = Bucket("s3://notes/p")
        with pytest.raises(BucketError, match=rf"^s3://notes.*{why}") as error:
            await bucket.put("a", b"x")
        with pytest.raises((BucketError, ImpossibleError)):
            await bucket.size("a")
        with pytest.raises((BucketError, ImpossibleError)):
            await anext(bucket.pieces("a", 0, 1, size=1))
    shown = "".join(traceback.format_exception(error.value))
    assert not any(secret in shown for secret in (KEY, SECRET, "Signature", "Credential", "pa55word"))


async def test_a_bucket_that_cannot_be_reached_is_said(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    del objects
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    said = r"^s3://notes does not answer, or not to this machine: see AWS_ENDPOINT_URL"
    with pytest.raises(BucketError, match=said) as error:
        await Bucket("s3://notes/p").put("a", b"x")
    assert isinstance(decide(RetryPolicy(), 10, error.value, jitter=0), Later)


@pytest.mark.parametrize(
    ("method", "ask"),
    [
        ("HEAD", lambda bucket: bucket.size("a")),
        ("HEAD", lambda bucket: bucket.has("a")),
        ("GET", lambda bucket: anext(bucket.pieces("a", 0, 1, size=1))),
        ("GET", lambda bucket: bucket.try_out()),
        ("POST", lambda bucket: bucket.delete(["a"])),
    ],
)
async def test_a_bucket_that_hangs_is_given_up_soon_and_a_job_waits_for_it(
    objects: Objects, monkeypatch: pytest.MonkeyPatch, method: str, ask: Callable[[Bucket], Awaitable[object]]
) -> None:
    del objects
    with odd(method) as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL", peer.address)
        with pytest.raises(
            BucketError, match=r"^s3://notes/p does not answer within 0\.3 s: see AWS_ENDPOINT_URL$"
        ) as error:
            await ask(Bucket("s3://notes/p", seconds=0.3))
    outcome = decide(RetryPolicy(), 10, error.value, jitter=0)
    assert isinstance(outcome, Later)


async def test_connections_are_kept_and_other_keys_are_seen(monkeypatch: pytest.MonkeyPatch, objects: Objects) -> None:
    del objects
    with refusing(403) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        for key in ("FIRST", "FIRST", "SECOND"):
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
            with pytest.raises(BucketError):
                await Bucket("s3://notes/p").size("a")
    first, again, other = HEARD[-3:]
    assert first == again
    assert first[0] != other[0]
    assert ("FIRST" in first[1], "SECOND" in other[1]) == (True, True)


@pytest.mark.parametrize("endpoint", ["nowhere", "ftp://a", "http://", "http://a b", "http://a:99999", "http://ü"])
def test_an_endpoint_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    with pytest.raises(BucketError, match=r"^AWS_ENDPOINT_URL_S3 must be an http or https address in plain ASCII$"):
        Bucket("s3://notes")


def test_a_file_has_no_more_parts_than_a_bucket_takes() -> None:
    for size in (0, 1, 50_000 * MEGABYTE, 50_001 * MEGABYTE, 1_000_000 * MEGABYTE + 1):
        assert -(-size // buckets.part_bytes(size)) <= 10_000
    assert buckets.part_bytes(4096 * MEGABYTE) == 5 * MEGABYTE
