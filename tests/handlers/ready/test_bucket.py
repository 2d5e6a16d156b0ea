"""`handlers.ready._bucket`: objects in a bucket of moto, a server of its own that speaks like Amazon S3."""

import asyncio
import dataclasses
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from handlers.ready import _names
from handlers.ready._bucket import DEADLINE_SECONDS, InBucket, opened
from handlers.ready._line import Line
from handlers.ready.files import files
from receiver import LeaseLostError, Postpone, Transcription
from receiver.database.session import RELIED_ON
from receiver.inbox.artifacts import Artifact
from receiver.inbox.buckets import BucketError
from receiver.testing import Scratch
from tests.buckets import Objects
from tests.handlers.ready.test_files import brought, separated
from tests.handlers.ready.titles import TITLES
from tests.handlers.test_handlers import EARLIER, LATER, replayed


async def test_texts_are_there_when_they_are_published(
    receiver_scratch: Scratch, objects: Objects, tmp_path: Path
) -> None:
    (tmp_path / "large").write_bytes(b"x" * 12_000_000)
    _, ctx = await receiver_scratch.claim(files)

    def write() -> None:
        bucket = InBucket("s3://notes/a/b", ctx.wait, Line())
        bucket.put("talk/a.md", b"a")
        bucket.put("talk.artifacts/large", tmp_path / "large")
        assert not bucket.has("talk/a.md")
        bucket.publish()
        assert bucket.has("talk/a.md")

    await asyncio.to_thread(write)
    found = objects.all()
    assert set(found) == {"a/b/talk/a.md", "a/b/talk.artifacts/large"}
    assert (found["a/b/talk/a.md"], len(found["a/b/talk.artifacts/large"])) == (b"a", 12_000_000)


async def test_nothing_is_sent_without_publish(receiver_scratch: Scratch, objects: Objects) -> None:
    _, ctx = await receiver_scratch.claim(files)
    InBucket("s3://notes", ctx.wait, Line()).put("a.md", b"a")
    assert objects.all() == {}


async def test_files_of_a_submission_go_from_one_bucket_into_another_place(
    receiver_scratch: Scratch, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.put("stems/voice.wav", b"voice")
    monkeypatch.setenv("RECEIVER_FILES", "s3://notes/talks")
    monkeypatch.setenv("RECEIVER_FILES_FORMATS", "artifacts")
    digest = hashlib.sha256(b"voice").hexdigest()
    event, ctx = await separated(receiver_scratch, Artifact("a.wav", None, 5, digest, "s3://notes/stems/voice.wav"))
    await files(event, ctx)
    assert [content for key, content in objects.all().items() if key.startswith("talks/")] == [b"voice"]


async def test_transcripts_go_into_a_bucket_by_its_setting_alone(
    receiver_scratch: Scratch, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects.put("talks/2026-04-29 Mine.md", b"mine")
    monkeypatch.setenv("RECEIVER_FILES", "s3://notes/talks")
    for _ in range(2):
        event, ctx = await receiver_scratch.claim(files, title="Mine")
        await files(event, ctx)
        assert await receiver_scratch.state(event) == "done"
    found = objects.all()
    assert found.pop("talks/2026-04-29 Mine.md") == b"mine"
    assert set(found) == {f"talks/2026-04-29 Mine (4821).{ending}" for ending in ("md", "srt")}


async def test_a_key_is_what_the_name_is(receiver_scratch: Scratch, objects: Objects) -> None:
    names = {
        next(_names.candidates("{title}/{id}", {"title": title, "id": "4821"}, ()))
        for title in [*TITLES, "100% {sure} `x` ~y [z] ^q #1 + & = @ ü 😀"]
    }
    _, ctx = await receiver_scratch.claim(files)
    bucket = InBucket("s3://notes/talks", ctx.wait, Line())
    for name in names:
        bucket.put(f"{name}.md", b"a")
    await asyncio.to_thread(bucket.publish)
    assert objects.all() == {f"talks/{name}.md": b"a" for name in names}
    assert len(names) > 150


# --- a bucket that hangs, or refuses ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Odd:
    """A bucket that has nothing, and does something odd with what is sent. `asked`: the methods and paths, in order."""

    address: str
    asked: list[tuple[str, str]] = field(default_factory=list)
    hung: Event = field(default_factory=Event)
    left: Event = field(default_factory=Event)  # the client has closed the connection that hung


@contextmanager
def odd(*hanging: str, put: int = 200) -> Iterator[Odd]:
    """Run a server that never answers some methods, and answers `PUT` with a status."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            found.asked.append((self.command, self.path))
            self.rfile.read(int(self.headers.get("content-length") or 0))
            if self.command in hanging:
                found.hung.set()
                self.rfile.read(1)
                found.left.set()
                return
            self.send_response(put if self.command == "PUT" else 404)
            self.send_header("etag", '"1"')
            self.send_header("content-length", "0")
            self.end_headers()

        do_PUT = do_POST = do_HEAD = do_GET = answer  # noqa: N815 - as the server calls them

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Odd(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_bucket_that_hangs_is_waited_for_and_nothing_more_is_sent(
    receiver_scratch: Scratch, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    del objects
    _, ctx = await receiver_scratch.claim(files)
    with odd("PUT") as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL", peer.address)
        bucket = InBucket("s3://notes", ctx.wait, Line(), seconds=0.5)
        for name in ("a.md", "a.srt", "a.txt"):
            bucket.put(name, b"a")
        with pytest.raises(Postpone, match=r"^s3://notes does not answer within 0\.5 s: see AWS_ENDPOINT_URL$"):
            await asyncio.to_thread(bucket.publish)
        assert await asyncio.to_thread(peer.left.wait, 20)
        assert peer.asked == [("PUT", "/notes/a.txt")]


def test_the_texts_are_sent_well_before_the_database_ends_the_transaction() -> None:
    assert RELIED_ON["idle_in_transaction_session_timeout"] == "1min"
    assert DEADLINE_SECONDS <= 30


async def test_nothing_is_sent_after_the_end_of_the_try(
    receiver_scratch: Scratch, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    del objects
    _, ctx = await receiver_scratch.claim(files)
    with odd("PUT") as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL", peer.address)
        bucket = InBucket("s3://notes", ctx.wait, Line())
        for name in ("a.md", "a.srt"):
            bucket.put(name, b"a")
        publishing = asyncio.create_task(asyncio.to_thread(bucket.publish))
        assert await asyncio.to_thread(peer.hung.wait, 20)
        ctx.bridge.close()
        with pytest.raises(LeaseLostError):
            await publishing
        assert await asyncio.to_thread(peer.left.wait, 20)
        assert peer.asked == [("PUT", "/notes/a.srt")]


async def test_a_large_file_is_not_begun_where_the_bucket_hangs(
    receiver_scratch: Scratch, objects: Objects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del objects
    _, ctx = await receiver_scratch.claim(files)
    (tmp_path / "large").write_bytes(b"x")
    with odd("HEAD") as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL", peer.address)
        bucket = InBucket("s3://notes", ctx.wait, Line(), answer=0.5)
        with pytest.raises(Postpone, match="does not answer"):
            await asyncio.to_thread(bucket.put, "a.artifacts/large", tmp_path / "large")
        assert peer.asked == [("HEAD", "/notes/a.artifacts/large")]


async def test_one_job_at_a_time_asks_a_bucket_that_hangs(receiver_scratch: Scratch, objects: Objects) -> None:
    del objects
    _, ctx = await receiver_scratch.claim(files)
    line = Line()
    line.hangs = True
    with (
        opened("s3://notes", ctx.wait, line),
        pytest.raises(Postpone, match="has another event now"),
        opened("s3://notes", ctx.wait, line),
    ):
        pytest.fail("two ask it")
    line.hangs = False
    with opened("s3://notes", ctx.wait, line), opened("s3://notes", ctx.wait, line):
        pass


async def test_a_bucket_hangs_until_it_has_taken_something(
    receiver_scratch: Scratch, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that answers whether there is something can still take nothing."""
    _, ctx = await receiver_scratch.claim(files)
    line = Line()
    with odd("PUT") as peer, monkeypatch.context() as meanwhile:
        meanwhile.setenv("AWS_ENDPOINT_URL", peer.address)
        bucket = InBucket("s3://notes", ctx.wait, line, seconds=0.5)
        bucket.put("a.md", b"a")
        with pytest.raises(Postpone):
            await asyncio.to_thread(bucket.publish)
        assert not await asyncio.to_thread(bucket.has, "a.md")
        assert line.hangs
    bucket = InBucket("s3://notes", ctx.wait, line)
    assert not await asyncio.to_thread(bucket.has, "a.md")
    assert line.hangs
    bucket.put("a.md", b"a")
    await asyncio.to_thread(bucket.publish)
    assert (line.hangs, objects.all()) == (False, {"a.md": b"a"})


@pytest.mark.parametrize(("status", "said"), [(403, "refuses the key"), (503, "answers 503")])
async def test_a_bucket_that_refuses_is_an_error_and_the_job_is_not_done(
    receiver_scratch: Scratch, objects: Objects, monkeypatch: pytest.MonkeyPatch, status: int, said: str
) -> None:
    del objects
    monkeypatch.setenv("RECEIVER_FILES", "s3://notes")
    event, ctx = await receiver_scratch.claim(files)
    with odd(put=status) as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL", peer.address)
        with pytest.raises(BucketError, match=said):
            await files(event, ctx)
    assert await receiver_scratch.state(event) == "pending"


async def test_an_older_end_does_not_replace_the_files_of_a_submission(
    receiver_scratch: Scratch, objects: Objects, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RECEIVER_FILES", "s3://notes")
    monkeypatch.setenv("RECEIVER_FILES_FORMATS", "artifacts")
    event, ctx = await separated(receiver_scratch, brought(tmp_path / "shelf", "a.wav", b"late"))
    await files(dataclasses.replace(event, transcription=Transcription(completed_at=LATER)), ctx)
    (tmp_path / "shelf" / "a.wav").write_bytes(b"soon")
    again = await replayed(receiver_scratch, event, ctx)
    await files(dataclasses.replace(event, transcription=Transcription(completed_at=EARLIER)), again)
    assert [*objects.all().values()] == [b"late"]
    assert await receiver_scratch.state(event) == "done"


async def test_an_older_end_is_written_where_a_later_one_has_failed(
    receiver_scratch: Scratch, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_FILES", "s3://notes")
    monkeypatch.setenv("RECEIVER_FILES_FORMATS", "txt")
    event, ctx = await receiver_scratch.claim(files, completed_at=LATER)
    with odd(put=403) as peer, monkeypatch.context() as meanwhile:
        meanwhile.setenv("AWS_ENDPOINT_URL", peer.address)
        with pytest.raises(BucketError):
            await files(event, ctx)
    event, ctx = await receiver_scratch.claim(files, completed_at=EARLIER)
    await files(event, ctx)
    assert len(objects.all()) == 1
    assert await receiver_scratch.state(event) == "done"
