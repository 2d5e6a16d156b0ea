"""`submissions.shelf`: where files lie, in a folder or in a bucket, and what is left on the way there."""

import hashlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from receiver import settings
from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.inbox.buckets import BucketError
from receiver.providers import archive
from receiver.submissions import announcing, shelf, working
from receiver.submissions.moves import State
from receiver.submissions.records import Submission
from receiver.submissions.watching import Watcher
from receiver.submissions.working import Working
from tests.buckets import Objects
from tests.commands import Simulated
from tests.handlers.ready.test_bucket import odd
from tests.servers import Quiet, quiet
from tests.submissions.submitting import Bench, bench_at, with_links
from tests.submissions.test_watching import due
from tests.worker.working import until

PLACE = "s3://notes/stems"


@pytest.fixture(scope="module")
def quick() -> Iterator[Simulated]:
    with with_links().running() as running:
        yield running


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str, quick: Simulated) -> AsyncIterator[Bench]:
    """Yield a bench whose files go into a bucket."""
    async with bench_at(quick, db, receiver_database) as found:
        yield replace(found, shelf=replace(found.shelf, bucket=PLACE))


async def ended(here: Bench, operation: str = "separation") -> Submission:
    """Return a submission that has ended at the provider, and whose files are to be brought."""
    submission = await here.worked(await here.submit("talk.wav", operation=operation))
    await due(here, submission)
    await Watcher(here.db, {here.account.id: here.client}, here.interested).look()
    return await here.now(submission)


def left(here: Bench) -> list[Path]:
    return [path for path in here.shelf.place.rglob("*") if path.is_file()]


async def test_files_are_in_the_bucket_before_the_event_is_written_and_nowhere_else(
    here: Bench, objects: Objects
) -> None:
    here.wanted["separation.completed"] = ("stems",)
    submission = await here.worked(await ended(here))
    assert (submission.state, [event.type for event in await here.events()]) == (State.DONE, ["separation.completed"])
    found, there = await artifacts.of(here.db, submission.id), objects.all()
    assert {one.place for one in found} == {f"s3://notes/{key}" for key in there}
    for one in found:
        assert one.place == f"{PLACE}/timbr-audio/{submission.id}/{one.name}"
        content = there[one.place.removeprefix("s3://notes/")]
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one.bytes, one.sha256)
    assert len(found) == 2
    assert left(here) == []


async def test_a_text_in_a_file_is_kept_as_well(here: Bench, objects: Objects) -> None:
    submission = await here.worked(await ended(here, "diarization"))
    (content,) = [content for key, content in objects.all().items() if key.endswith("/timbr.srt")]
    assert await archive.kept(here.db, announcing.subject(submission), "result") == content


async def test_a_text_is_kept_where_the_key_may_only_write(
    here: Bench, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    del objects
    submission = await ended(here, "diarization")
    with odd() as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL", peer.address)
        assert (await here.worked(submission)).state is State.DONE
        assert {method for method, _ in peer.asked} == {"PUT"}
    assert b"-->" in (await archive.kept(here.db, announcing.subject(submission), "result") or b"")


async def test_files_are_on_this_disk_one_at_a_time(
    here: Bench, objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    del objects
    submission, here_meanwhile = await ended(here), list[int]()

    class Peer(Quiet):
        def answer(self) -> None:
            here_meanwhile.append(len(left(here)))
            self.body()
            self.say(200, ETag='"1"')

    with quiet(Peer) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        assert (await here.worked(submission)).state is State.DONE
    assert here_meanwhile == [1, 1]


async def test_a_bucket_that_refuses_lets_the_job_come_back_and_nothing_is_paid_again(
    here: Bench, objects: Objects
) -> None:
    submission = await ended(here)
    charges = here.charges()
    away = replace(here.shelf, bucket="s3://nowhere/stems")
    async with here.working(working.handler(Working(here.interested, away))):
        await here.until_job(submission, "pending")
    assert "there is no bucket nowhere" in ((await here.job(submission)).error or "")
    assert ((await here.now(submission)).state, objects.all(), await here.events()) == (State.ENDED, {}, [])
    await here.db.execute("update receiver.jobs set due_at = now()")
    assert (await here.worked(submission)).state is State.DONE
    assert (len(objects.all()), left(here), here.charges()) == (2, [], charges)


async def test_a_file_on_its_way_is_no_longer_needed_once_its_submission_is_over(here: Bench, objects: Objects) -> None:
    submission = await ended(here)
    on_its_way = here.shelf.place / "waiting" / f"{submission.id}.brought" / "voice.wav.part"
    on_its_way.parent.mkdir(parents=True)
    on_its_way.touch()
    assert submission.id in here.shelf.waiting()

    async def nothing_is_left() -> bool:
        """It is removed after the job has ended."""
        return left(here) == []

    await here.worked(submission)
    await until(nothing_is_left)
    assert len(objects.all()) == 2


async def test_files_of_a_bucket_are_copied_and_those_of_another_machine_are_not(
    objects: Objects, tmp_path: Path
) -> None:
    objects.put("stems/voice.wav", b"voice")
    digest = hashlib.sha256(b"voice").hexdigest()
    voice = Artifact("voice.wav", None, 5, digest, f"{PLACE}/voice.wav")
    assert (await shelf.copy(voice, tmp_path / "to")).read_bytes() == b"voice"
    with pytest.raises(ImpossibleError, match="is not the file any more"):
        await shelf.copy(replace(voice, sha256="0" * 64), tmp_path / "to")
    with pytest.raises(ImpossibleError, match="is not there"):
        await shelf.copy(replace(voice, place=f"{PLACE}/music.wav"), tmp_path / "to")
    with pytest.raises(ImpossibleError, match="is not on this machine"):
        await shelf.copy(replace(voice, place="/no/such/file"), tmp_path / "to")
    with pytest.raises(ImpossibleError, match="cannot be written"):
        await shelf.copy(voice, tmp_path / "to" / "voice.wav")
    with pytest.raises(BucketError, match="there is no bucket nowhere"):
        await shelf.copy(replace(voice, place="s3://nowhere/voice.wav"), tmp_path / "to")
    assert [one.name for one in (tmp_path / "to").iterdir()] == ["voice.wav"]


async def test_a_copy_is_the_file_that_was_fetched_and_not_itself(tmp_path: Path) -> None:
    (tmp_path / "voice.wav").write_bytes(b"voice")
    voice = Artifact("voice.wav", None, 5, "", str(tmp_path / "voice.wav"))
    with pytest.raises(ImpossibleError, match=r"/voice\.wav is not the file any more that was fetched$"):
        await shelf.copy(replace(voice, bytes=99), tmp_path / "to")
    with pytest.raises(ImpossibleError, match=r"/voice\.wav is the file itself: choose another folder$"):
        await shelf.copy(voice, tmp_path)
    assert [*(tmp_path / "to").iterdir()] == []


@pytest.mark.usefixtures("own_environment")
@pytest.mark.parametrize(
    ("given", "place", "bucket"),
    [(PLACE, "data/artifacts", PLACE), ("stems", "stems", None), (None, "data/artifacts", None)],
)
def test_a_bucket_leaves_drafts_and_files_on_their_way_in_the_data_folder(
    folder: Path, given: str | None, place: str, bucket: str | None
) -> None:
    set_up = {} if given is None else {"RECEIVER_ARTIFACTS_DIR": given if given == PLACE else str(folder / given)}
    found = shelf.open_shelf(settings.load(RECEIVER_DATA_DIR=folder / "data", **set_up))
    assert (found.place, found.bucket) == (folder / place, bucket)
