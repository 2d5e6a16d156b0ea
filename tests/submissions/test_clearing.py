"""`submissions.clearing`: files of what is over go with their rows; what lies elsewhere or is needed stays."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from receiver.database import Pool
from receiver.inbox import artifacts, retention
from receiver.inbox.artifacts import Artifact
from receiver.inbox.buckets import BucketError
from receiver.inbox.retention import Gone, Old, Pace, Prune
from receiver.submissions import clearing
from receiver.submissions.shelf import Shelf
from tests.buckets import Objects
from tests.inbox.ageing import AT_ONCE, aged

SUBMISSION = """
insert into receiver.submissions (
    id, source, api_url, account, key_fingerprint, operation, wishes, recording, caller_key, asked, state, ended_at
) values ($1, 'transcribe.so', 'https://api.test', 'default', 'k', 'separation', '{}', 'a.mp3', $1, 'k', $2,
    now() - $3::interval)
"""


async def brought(db: Pool, shelf: Shelf, name: str = "sub_1", state: str = "done", *, days: int = 100) -> list[Path]:
    """Make a submission that has brought two files; return where they lie."""
    await db.execute(SUBMISSION, name, state, timedelta(days=days))
    folder = shelf.folder("transcribe.so", name)
    folder.mkdir(parents=True)
    files = [folder / "voice.wav", folder / "music.wav"]
    for file in files:
        file.write_bytes(b"12345")
    await artifacts.keep(db, name, [Artifact(file.name, None, 5, "", str(file)) for file in files])
    return files


async def clear(db: Pool, shelf: Shelf) -> Gone:
    run = Prune(db, await retention.horizon(db, timedelta(days=90)), AT_ONCE)
    assert await clearing.clear(run, shelf)
    return run.gone


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "shelf", 1000)


async def test_files_go_with_their_rows_and_their_folder(db: Pool, shelf: Shelf) -> None:
    files = await brought(db, shelf)
    await brought(db, shelf, "sub_2", days=80)
    await brought(db, shelf, "sub_3", "accepted")
    before = await retention.horizon(db, timedelta(days=90))
    assert await clearing.count(db, before) == Old(Gone(files=2, bytes=10), is_exact=True)
    assert await clear(db, shelf) == Gone(files=2, bytes=10)
    assert await clearing.count(db, before) == Old(Gone(), is_exact=True)
    assert not files[0].parent.exists()
    assert await artifacts.of(db, "sub_1") == []
    assert await clear(db, shelf) == Gone()


@pytest.mark.parametrize(("state", "days"), [("done", 80), ("accepted", 100), ("ended", 100), ("unknown", 100)])
async def test_files_stay_of_what_is_not_over_or_not_old(db: Pool, shelf: Shelf, state: str, days: int) -> None:
    files = await brought(db, shelf, state=state, days=days)
    assert await clear(db, shelf) == Gone()
    assert all(file.exists() for file in files)
    assert len(await artifacts.of(db, "sub_1")) == 2


@pytest.mark.parametrize("state", ["dead", "pending", "running", "done"])
@pytest.mark.parametrize(
    "of",
    [
        "update receiver.submissions set event = (select max(id) from receiver.events)",
        "update receiver.events set event_id = 'sub_1'",
        "update receiver.events set transcription_id = 'sub_1'",
    ],
    ids=["its end", "its work", "its text"],
)
async def test_files_stay_while_a_job_may_need_them(db: Pool, shelf: Shelf, of: str, state: str) -> None:
    await brought(db, shelf)
    await aged(db, state=state)
    await db.execute(of)
    assert await clear(db, shelf) == (Gone(files=2, bytes=10) if state == "done" else Gone())


async def test_files_that_lie_elsewhere_are_left_and_counted(db: Pool, shelf: Shelf, tmp_path: Path) -> None:
    files = await brought(db, shelf)
    assert await clear(db, Shelf(tmp_path / "another", 1000)) == Gone(files_elsewhere=2)
    outside = tmp_path / "outside"
    outside.touch()
    await db.execute("update receiver.artifacts set place = $1 where name = 'voice.wav'", str(outside))
    assert await clear(db, shelf) == Gone(files_elsewhere=2)
    assert all(file.exists() for file in (*files, outside))


async def test_rows_of_files_that_lie_at_the_same_place_of_another_machine_stay(db: Pool, shelf: Shelf) -> None:
    first, _ = await brought(db, shelf)
    shutil.rmtree(first.parent)
    assert await clear(db, shelf) == Gone(files_elsewhere=2)
    assert len(await artifacts.of(db, "sub_1")) == 2


async def test_rows_whose_files_were_deleted_by_a_run_that_died_go_with_the_next_one(db: Pool, shelf: Shelf) -> None:
    for file in await brought(db, shelf):
        file.unlink()
    assert await clear(db, shelf) == Gone(files=2, bytes=10)
    assert await artifacts.of(db, "sub_1") == []


async def test_a_folder_that_holds_something_else_stays(db: Pool, shelf: Shelf) -> None:
    first, _ = await brought(db, shelf)
    (first.parent / "mine").touch()
    await clear(db, shelf)
    assert [path.name for path in first.parent.iterdir()] == ["mine"]


async def test_many_are_walked_over_in_batches(db: Pool, shelf: Shelf) -> None:
    number = retention.FIRST + 5
    for one in range(number):
        await brought(db, shelf, f"sub_{one}")
    assert await clear(db, shelf) == Gone(files=2 * number, bytes=10 * number)


# --- in a bucket -----------------------------------------------------------------------------------------------------

PLACE = "s3://notes/stems"


async def stored(db: Pool, objects: Objects, name: str = "sub_1", *, days: int = 100, place: str = PLACE) -> None:
    """Make a submission that has brought two files into a bucket."""
    await db.execute(SUBMISSION, name, "done", timedelta(days=days))
    files = [f"{place}/transcribe.so/{name}/{file}" for file in ("voice.wav", "music 100%.wav")]
    for file in files:
        objects.put(file.removeprefix("s3://notes/"), b"12345")
    await artifacts.keep(db, name, [Artifact(file.rsplit("/", 1)[1], None, 5, "", file) for file in files])


async def test_objects_go_with_their_rows_from_any_machine(db: Pool, objects: Objects, shelf: Shelf) -> None:
    await stored(db, objects)
    await stored(db, objects, "sub_2", days=80)
    local = await brought(db, shelf, "sub_3")
    assert await clear(db, replace(shelf, bucket=PLACE)) == Gone(files=4, bytes=20)
    assert {key.split("/")[2] for key in objects.all()} == {"sub_2"}
    assert [len(await artifacts.of(db, name)) for name in ("sub_1", "sub_2", "sub_3")] == [0, 2, 0]
    assert not local[0].parent.exists()


@pytest.mark.parametrize(
    "bucket", [None, "s3://notes", "s3://notes/stem", "s3://other/stems", f"{PLACE}/transcribe.so"]
)
async def test_objects_of_another_place_are_left_and_counted(
    db: Pool, objects: Objects, shelf: Shelf, bucket: str | None
) -> None:
    await stored(db, objects)
    assert await clear(db, replace(shelf, bucket=bucket)) == Gone(files_elsewhere=2)
    assert (len(objects.all()), len(await artifacts.of(db, "sub_1"))) == (2, 2)


async def test_no_row_leads_to_what_others_have_brought(db: Pool, objects: Objects, shelf: Shelf) -> None:
    await stored(db, objects)
    objects.put("stems/transcribe.so/sub_2/voice.wav", b"12345")
    for place in ("sub_2/voice.wav", "sub_1/../sub_2/voice.wav", "sub_1/a/b"):
        await db.execute(
            "update receiver.artifacts set place = $1 where name = 'voice.wav'", f"{PLACE}/transcribe.so/{place}"
        )
        assert await clear(db, replace(shelf, bucket=PLACE)) == Gone(files_elsewhere=2)
    assert len(objects.all()) == 3


@contextmanager
def deleting() -> Iterator[tuple[str, list[str]]]:
    """Run a server that deletes whatever it is asked to; yield its address, and what it was asked."""
    asked = list[str]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.rfile.read(int(self.headers["content-length"]))
            said = b"<DeleteResult><Deleted><Key>a</Key></Deleted></DeleteResult>"
            self.send_response(200)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()


async def test_the_time_of_a_bucket_makes_no_small_batches(
    db: Pool, objects: Objects, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    del objects
    for number in range(160):
        name = f"sub_{number}"
        await db.execute(SUBMISSION, name, "done", timedelta(days=100))
        await artifacts.keep(db, name, [Artifact("a", None, 5, "", f"{PLACE}/transcribe.so/{name}/a")])
    with deleting() as (address, asked):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        run = Prune(db, await retention.horizon(db, timedelta(days=90)), Pace(seconds=0, rest=0))
        assert await clearing.clear(run, replace(shelf, bucket=PLACE))
    assert run.gone.files == 160
    assert len(asked) < 10, "by the database's pace it would be far more than a hundred"


async def test_a_bucket_that_refuses_stops_the_run_and_no_row_is_forgotten(
    db: Pool, objects: Objects, shelf: Shelf
) -> None:
    await stored(db, objects)
    await db.execute("update receiver.artifacts set place = replace(place, 'notes', 'nowhere')")
    with pytest.raises(BucketError, match="there is no bucket nowhere"):
        await clear(db, replace(shelf, bucket="s3://nowhere/stems"))
    assert len(await artifacts.of(db, "sub_1")) == 2


async def test_rows_whose_objects_were_deleted_by_a_run_that_died_go_with_the_next_one(
    db: Pool, objects: Objects, shelf: Shelf
) -> None:
    await stored(db, objects)
    objects.client.delete_object(Bucket="notes", Key="stems/transcribe.so/sub_1/voice.wav")
    assert await clear(db, replace(shelf, bucket=PLACE)) == Gone(files=2, bytes=10)
    assert (objects.all(), await artifacts.of(db, "sub_1")) == ({}, [])
