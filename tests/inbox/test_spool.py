"""`receiver.inbox.spool`: appended records survive everything but the loss of the disk, and come out in order."""

import asyncio
import errno
import fcntl
import os
import resource
import shutil
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from receiver.errors import SpoolFullError, StoreUnavailableError
from receiver.health import checks
from receiver.inbox.spool import Condition, Fate, Spool
from receiver.inbox.spool.before import OLD_FRAME, OLD_MAGIC
from receiver.inbox.spool.folder import DAMAGED, SpoolFolder
from receiver.inbox.spool.segments import FRAME_BYTES, START, SpoolSegment, State, scan, written
from tests.faults.disks import fill, free, small_disk

LIMIT = 10_000_000
ROOM = 200_000
FRAMED = FRAME_BYTES + 1  # the bytes of a frame around a record


class Inbox:
    """Takes records, or returns the fates that it was given."""

    def __init__(self, **fates: Fate) -> None:
        self.taken: list[bytes] = []
        self.batches: list[int] = []
        self.fates = fates
        self.errors: list[Exception | None] = []

    async def take(self, records: Sequence[bytes]) -> list[Fate]:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.batches.append(len(records))
        answers = [self.fates.get(record.decode("latin-1"), Fate.STORED) for record in records]
        self.taken += [record for record, fate in zip(records, answers, strict=True) if fate is Fate.STORED]
        return answers


def opened(folder: Path, *, limit: int = LIMIT, room: int = ROOM) -> Spool:
    return Spool(folder, limit_bytes=limit, room_bytes=room)


def holds(one: Spool) -> bool:
    return checks.spool(one.look(), database_answers=True).holds


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def append(into: Spool, *contents: bytes) -> None:
    for one in contents:
        await into.append(one, seconds=60)


async def drained(folder: Path) -> list[bytes]:
    inbox, one = Inbox(), opened(folder)
    await one.drain(inbox.take)
    await one.close()
    return inbox.taken


def old(*contents: bytes) -> bytes:
    """Return a segment as version 0.4 wrote it."""
    return b"".join(OLD_FRAME.pack(OLD_MAGIC, len(one), zlib.crc32(one)) + one for one in contents)


async def test_what_was_appended_comes_out_in_order_once(tmp_path: Path) -> None:
    one = opened(tmp_path / "spool")
    await append(one, b"a", b"", b"c" * 100_000)
    inbox = Inbox()
    assert await one.drain(inbox.take) == 3
    assert inbox.taken == [b"a", b"", b"c" * 100_000]
    assert await one.drain(inbox.take) == 0
    await one.close()
    assert list((tmp_path / "spool").iterdir()) == []


async def test_an_empty_spool_has_no_folder_and_nothing_to_drain(tmp_path: Path) -> None:
    empty = opened(tmp_path / "spool")
    assert await empty.drain(Inbox().take) == 0
    assert empty.look() == Condition(tmp_path / "spool", 0, LIMIT)
    assert not (tmp_path / "spool").exists()


def test_threads_that_look_at_the_same_time_see_the_same_files(tmp_path: Path) -> None:
    folder = SpoolFolder(tmp_path)
    folder.write("a.spool", b"")
    with ThreadPoolExecutor(4) as threads:
        seen = threads.map(lambda _: folder.names(), range(4000))
    assert {tuple(names) for names in seen} == {("a.spool",)}
    folder.close()


async def test_it_is_given_in_batches(tmp_path: Path) -> None:
    one, inbox = opened(tmp_path), Inbox()
    await asyncio.gather(*(one.append(b"x", seconds=60) for _ in range(250)))
    assert await one.drain(inbox.take) == 250
    assert inbox.batches == [100, 100, 50]


async def test_many_at_once_share_few_fsyncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    one = opened(tmp_path)
    wanted = [f"{number}".encode() for number in range(500)]
    await asyncio.gather(*(one.append(record, seconds=60) for record in wanted))
    assert len(synced) < 10
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == wanted


async def test_what_another_process_left_is_drained_and_what_one_still_writes_is_not(tmp_path: Path) -> None:
    living, gone = opened(tmp_path), opened(tmp_path)
    await append(gone, b"left behind")
    await append(living, b"in hand")
    await gone.close()
    assert await drained(tmp_path) == [b"left behind"]
    inbox = Inbox()
    await living.drain(inbox.take)
    assert inbox.taken == [b"in hand"]


async def test_a_drain_that_is_cut_short_goes_on_where_it_was(tmp_path: Path) -> None:
    one, inbox = opened(tmp_path), Inbox()
    wanted = [f"{number}".encode() for number in range(150)]
    await asyncio.gather(*(one.append(record, seconds=60) for record in wanted))
    inbox.errors = [None, StoreUnavailableError("away")]
    with pytest.raises(StoreUnavailableError):
        await one.drain(inbox.take)
    await append(one, b"later")
    assert await one.drain(inbox.take) == 51
    assert inbox.taken == [*wanted, b"later"]


# --- one bad record holds up no other --------------------------------------------------------------------------------


async def test_a_record_that_the_database_refuses_is_kept_aside_and_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, inbox = opened(tmp_path), Inbox(bad=Fate.REFUSED)
    await append(one, b"a", b"bad", b"c")
    await one.drain(inbox.take)
    assert inbox.taken == [b"a", b"c"]
    (aside,) = tmp_path.glob("*.refused")
    assert (aside.suffix, scan(aside.read_bytes()).records) == (".refused", (b"bad",))
    assert "kept aside" in caplog.text
    assert await one.drain(inbox.take) == 0
    assert (one.look().refused, holds(one)) == (1, False)
    aside.rename(aside.with_suffix(".spool"))
    inbox.fates = {}
    await one.drain(inbox.take)
    assert (inbox.taken, holds(one)) == ([b"a", b"c", b"bad"], True)


async def test_what_is_refused_later_is_kept_beside_what_was_refused_before(tmp_path: Path) -> None:
    one, inbox = opened(tmp_path), Inbox(bad=Fate.REFUSED, slow=Fate.LATER)
    await append(one, b"bad", b"slow")
    await one.drain(inbox.take)
    inbox.fates["slow"] = Fate.REFUSED
    await one.drain(inbox.take)
    kept = [record for path in tmp_path.glob("*.refused") for record in scan(path.read_bytes()).records]
    assert sorted(kept) == [b"bad", b"slow"]
    assert one.look().refused == 2


async def test_somebody_who_looks_at_any_moment_does_not_disturb_a_drain(tmp_path: Path) -> None:
    one, inbox = opened(tmp_path), Inbox()

    async def look() -> None:
        while True:
            await one.condition()

    looking = [asyncio.create_task(look()) for _ in range(3)]
    for number in range(50):
        await append(one, f"{number}".encode())
        assert await one.drain(inbox.take) == 1
    for task in looking:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_segment_is_drained_where_only_a_file_that_is_open_for_writing_can_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder behaves like one on NFS."""
    real = fcntl.flock

    def lock(descriptor: int, how: int) -> None:
        if how & fcntl.LOCK_EX and fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", lock)
    one, inbox = opened(tmp_path), Inbox()
    await append(one, b"a")
    await one.drain(inbox.take)
    assert (inbox.taken, holds(one)) == ([b"a"], True)


async def test_a_record_with_trouble_that_may_pass_stays_alone_with_its_age(tmp_path: Path) -> None:
    one, inbox = opened(tmp_path), Inbox(locked=Fate.LATER)
    await append(one, b"a", b"locked", b"c")
    since = one.look().since
    assert await one.drain(inbox.take) == 2
    found = one.look()
    assert found.used == len("locked") + FRAMED
    assert since is not None
    assert found.since == pytest.approx(since, abs=1)
    assert (await one.drain(inbox.take), inbox.taken) == (0, [b"a", b"c"])
    inbox.fates = {}
    assert await one.drain(inbox.take) == 1
    assert one.look().is_empty


async def test_records_for_another_database_stay_are_counted_and_not_read_again(tmp_path: Path) -> None:
    one, inbox = opened(tmp_path), Inbox(theirs=Fate.FOREIGN)
    await append(one, b"ours", b"theirs", b"theirs")
    assert [await one.drain(inbox.take) for _ in range(4)] == [1, 0, 0, 0]
    assert inbox.batches == [3, 2]
    assert (one.look().foreign, holds(one)) == (2, False)
    assert list(one.records()) == [b"theirs", b"theirs"]
    assert await drained(tmp_path) == [b"theirs", b"theirs"]


async def test_a_segment_that_cannot_be_read_is_told_of_once_and_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A pipe with the name of the oldest segment stands for a failing disk. Opening it must not wait."""
    one = opened(tmp_path)
    os.mkfifo(tmp_path / f"{1:020d}-bad.spool")
    await append(one, b"a", b"b")
    inbox = Inbox()
    assert [await one.drain(inbox.take) for _ in range(3)] == [2, 0, 0]
    assert inbox.taken == [b"a", b"b"]
    assert not holds(one)
    assert "-bad.spool cannot be drained: it is a link, not a file, or another" in str(one.look().trouble)
    assert caplog.text.count("cannot be drained") == 1


async def test_what_was_taken_and_cannot_be_removed_is_not_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    one, inbox = opened(tmp_path), Inbox()
    await append(one, b"a")
    with monkeypatch.context() as read_only:
        read_only.setattr(os, "unlink", refuse)
        for _ in range(2):
            await one.drain(inbox.take)
        assert "Read-only file system" in str(one.look().trouble)
    await one.drain(inbox.take)
    assert (inbox.taken, one.look()) == ([b"a"], Condition(tmp_path, 0, LIMIT))


# --- room ------------------------------------------------------------------------------------------------------------


async def test_a_full_spool_refuses_and_has_room_again_when_it_is_drained(tmp_path: Path) -> None:
    one = opened(tmp_path, limit=300)
    await append(one, b"x" * 200)
    with pytest.raises(SpoolFullError):
        await append(one, b"y" * 200)
    assert await drained(tmp_path) == []
    inbox = Inbox()
    await one.drain(inbox.take)
    await append(one, b"y" * 200)
    await one.drain(inbox.take)
    assert inbox.taken == [b"x" * 200, b"y" * 200]


async def test_what_others_have_spooled_counts_too(tmp_path: Path) -> None:
    await append(opened(tmp_path, limit=300), b"x" * 200)
    late = opened(tmp_path, limit=300)
    await late.make_ready()
    with pytest.raises(SpoolFullError):
        await append(late, b"y" * 200)


async def test_room_is_taken_in_advance_and_given_back(tmp_path: Path) -> None:
    one = opened(tmp_path)
    await one.make_ready()
    (waiting,) = tmp_path.iterdir()
    assert waiting.stat().st_blocks * 512 >= ROOM
    assert waiting.suffix == ".next", "it is none of those that wait to be drained"
    assert (one.look(), holds(one)) == (Condition(tmp_path, 0, LIMIT), True)
    await append(one, b"a")
    await one.close()
    assert [path.stat().st_size for path in tmp_path.iterdir()] == [START + FRAMED + 1]


async def test_what_lies_in_a_segment_whose_name_could_not_be_changed_is_drained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    one = opened(tmp_path)
    await one.make_ready()
    with monkeypatch.context() as full:
        full.setattr(os, "replace", refuse)
        await append(one, b"a")
    assert [path.suffix for path in tmp_path.iterdir()] == [".next"]
    await one.close()
    assert await drained(tmp_path) == [b"a"]
    assert list(tmp_path.iterdir()) == []


async def test_a_disk_that_is_full_takes_what_there_is_room_for_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    one = opened(tmp_path)
    await one.make_ready()
    monkeypatch.setattr(os, "posix_fallocate", fail)
    await append(one, b"a" * 1000)
    await one.make_ready()
    assert not holds(one)
    assert "in an outage deliveries would be refused" in str(one.look().trouble)
    assert "No space left on device" in str(one.look().trouble)
    assert len(list(tmp_path.iterdir())) == 1, "nothing is left of what could not be made"


async def test_all_the_room_that_was_taken_can_be_used_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    room = 20 * 1024 * 1024
    one = opened(tmp_path, limit=2 * room, room=room)
    await one.make_ready()
    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(SpoolSegment, "make", full)
    for _ in range(19):
        await append(one, b"x" * 1024 * 1024)
    assert one.look().used > 19 * 1024 * 1024


async def test_a_disk_that_stays_full_takes_no_room_from_a_spool_that_is_drained_again_and_again(folder: Path) -> None:
    """The last segment is emptied in its place, so it does not matter who uses the space that becomes free."""
    inbox = Inbox()
    with small_disk(folder / "spool", 1) as disk:
        one = opened(disk)
        await one.make_ready()
        for number in range(20):
            fill(disk)  # after the next segment was made, and before a drain
            said = [b"%d %d" % (number, part) * 1000 for part in range(20)]
            await append(one, *said)
            assert await one.drain(inbox.take) == len(said)
            assert inbox.taken[-len(said) :] == said
            assert one.look().is_empty
        assert len(inbox.taken) == 400
        await one.close()


async def test_what_is_drained_in_its_place_is_given_once_and_what_came_meanwhile_stays(folder: Path) -> None:
    inbox = Inbox(refused=Fate.REFUSED)
    with small_disk(folder / "spool", 1) as disk:
        one = opened(disk)
        await one.make_ready()
        fill(disk)

        async def take(records: Sequence[bytes]) -> list[Fate]:
            if b"late" not in records:
                await append(one, b"late")
            return await inbox.take(records)

        await append(one, b"early")
        assert [await one.drain(take) for _ in range(3)] == [1, 1, 0]
        await append(one, b"refused", b"other")
        assert [await one.drain(inbox.take) for _ in range(3)] == [1, 0, 0]
        assert inbox.taken == [b"early", b"late", b"other"]
        free(disk)
        await one.make_ready()
        await one.drain(inbox.take)
        assert sum(place.name.endswith(".refused") for place in one.folder.files()) == 1
        await one.close()


def test_a_segment_that_is_being_emptied_is_whole_at_every_byte() -> None:
    records = [b"first\n\0", b"\0second"]
    content = written(b"a marker", records, 1.0)
    for kept in range(START, len(content) + 1):
        found = scan(content[:kept].ljust(len(content), b"\0"))
        assert found.state is State.WHOLE
        assert list(found.records) == records[: len(found.records)]


async def test_without_a_free_descriptor_it_takes_deliveries_all_the_same(tmp_path: Path) -> None:
    one = opened(tmp_path)
    await one.make_ready()
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.open("/dev/null", os.O_RDONLY)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            os.open("/dev/null", os.O_RDONLY)
        await append(one, b"a", b"b")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert [path.suffix for path in tmp_path.iterdir()] == [".spool"]
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == [b"a", b"b"]


@pytest.mark.parametrize("call", ["fsync", "posix_fallocate", "pwrite"])
async def test_what_could_not_be_made_leaks_no_descriptor_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    one = opened(tmp_path)
    await one.condition()
    real, before = getattr(os, call), descriptors()

    def fail(*_: object) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, call, fail)
    for _ in range(5):
        await one.make_ready()
    assert not holds(one)
    monkeypatch.setattr(os, call, real)
    assert (descriptors(), list(tmp_path.iterdir())) == (before, [])
    await one.make_ready()
    assert holds(one)


@pytest.mark.parametrize("call", ["fsync", "pwrite"])
async def test_a_disk_that_fails_is_no_answer_and_what_follows_goes_into_another_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    one = opened(tmp_path)
    await append(one, b"a")

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(StoreUnavailableError, match="No space left on device"):
            await append(one, b"lost, and said so")
    assert not holds(one)
    await append(one, b"b")
    assert holds(one)
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == [b"a", b"b"]


async def test_a_segment_whose_disk_fails_is_followed_by_the_one_that_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = opened(tmp_path)
    await append(one, b"a")
    await one.make_ready()
    real, left = os.fsync, [1]

    def fail_once(descriptor: int) -> None:
        if left:
            left.pop()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    await append(one, b"b")
    assert await drained(tmp_path) == [b"a"]
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == [b"b"]


async def test_of_a_write_that_broke_off_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up takes a part of the frames, and the frames written there later can be shorter."""
    one = opened(tmp_path)
    await append(one, b"a")
    real = os.pwrite

    def break_off(descriptor: int, content: bytes, at: int) -> int:
        if len(content) < 1000:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor, content[:1000], at)

    with monkeypatch.context() as broken:
        broken.setattr(os, "pwrite", break_off)
        with pytest.raises(StoreUnavailableError):
            await append(one, b"lost" * 1000)
    await append(one, b"b")
    inbox = Inbox()
    await one.drain(inbox.take)
    assert (inbox.taken, one.look()) == ([b"a", b"b"], Condition(tmp_path, 0, LIMIT))


async def test_a_segment_that_somebody_removed_is_not_written_to(tmp_path: Path) -> None:
    one = opened(tmp_path / "spool")
    await append(one, b"a")
    for path in (tmp_path / "spool").iterdir():
        path.unlink()
    (tmp_path / "spool").rmdir()
    await append(one, b"b")
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == [b"b"]


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
async def test_whatever_stops_the_writer_everybody_is_told_and_the_next_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    one = opened(tmp_path)
    real, left = os.fstat, [error]

    def fail_once(descriptor: int) -> os.stat_result:
        if left:
            raise left.pop()
        return real(descriptor)

    with monkeypatch.context() as broken:
        broken.setattr(os, "fstat", fail_once)
        with pytest.raises(StoreUnavailableError):
            await append(one, b"a")
    assert not holds(one)
    await append(one, b"b")
    assert holds(one)


async def test_who_is_told_no_has_left_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = opened(tmp_path)
    read, write = os.pipe()
    with monkeypatch.context() as hanging:
        hanging.setattr(os, "fsync", lambda _: os.read(read, 1))
        for name in (b"a", b"b", b"c"):
            with pytest.raises(StoreUnavailableError):
                await one.append(name, seconds=0.05)
        os.write(write, b"goon" * 10)
    await append(one, b"d")
    os.close(write)
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken in ([b"a", b"d"], [b"d"]), "the first one may have been on its way to the disk"


async def test_a_disk_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = opened(tmp_path)
    read, write = os.pipe()
    monkeypatch.setattr(os, "fsync", lambda _: os.read(read, 1))
    with pytest.raises(StoreUnavailableError, match=r"did not answer in 0\.05 s"):
        await one.append(b"a", seconds=0.05)
    os.write(write, b"goon")
    os.close(write)


async def test_a_long_spool_is_cut_into_segments(tmp_path: Path) -> None:
    one = opened(tmp_path, room=START + 3 * (400 + FRAMED))
    wanted = [bytes([number]) * 400 for number in range(20)]
    for record in wanted:
        await one.make_ready()
        await append(one, record)
    assert len(list(tmp_path.iterdir())) == 7 + 1, "and the next one"
    found = one.look()
    assert found.used == 20 * (400 + FRAMED)
    assert not found.is_empty
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == wanted


async def test_a_shared_folder_that_was_removed_is_made_anew(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir(mode=0o755)
    one, inbox = opened(volume), Inbox()
    await append(one, b"a")
    shutil.rmtree(volume)
    await append(one, b"b")
    await one.drain(inbox.take)
    assert inbox.taken == [b"b"]


@pytest.mark.parametrize("there", [None, 0o700, 0o755], ids=["nothing", "another", "a shared one"])
async def test_a_folder_that_is_moved_away_is_left_and_what_waits_in_it_is_drained(
    tmp_path: Path, there: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    """The next process looks where the path leads, like after mounting another disk there."""
    folder, moved = tmp_path / "spool", tmp_path / "moved"
    one, inbox = opened(folder), Inbox()
    await one.make_ready()
    await append(one, b"before")
    folder.rename(moved)
    if there is not None:
        folder.mkdir(mode=there)
    await append(one, b"at once")
    await one.make_ready()
    await append(one, b"after")
    assert not holds(one)
    assert "moved away" in str(one.look().trouble)
    assert caplog.text.count("moved away") == 1
    with_them = opened(folder)
    assert {*with_them.records()} == {b"at once", b"after"}
    assert await one.drain(inbox.take) == 3
    assert inbox.taken == [b"before", b"at once", b"after"]
    assert [*moved.iterdir()] == []
    await one.make_ready()
    assert (holds(one), one.look().is_empty) == (True, True)


async def test_a_folder_that_comes_and_goes_leaks_no_descriptor(tmp_path: Path) -> None:
    one = opened(tmp_path / "spool")
    await one.make_ready()
    before = descriptors()
    for number in range(5):
        (tmp_path / "spool").rename(tmp_path / str(number))
        await one.make_ready()
        await one.drain(Inbox().take)
        await one.make_ready()
    assert descriptors() == before


# --- whose it is -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
@pytest.mark.parametrize("owner", [0, 65534])
async def test_in_a_folder_that_is_not_ours_alone_only_ours_within_it_is_believed(tmp_path: Path, owner: int) -> None:
    """We verified every record before we spooled it, and drain only such records."""
    shared = tmp_path / "volume"
    shared.mkdir(mode=0o755)
    planted, left = shared / f"{1:020d}-x.spool", shared / f"{2:020d}-y.spool"
    planted.write_bytes(old(b"planted"))
    os.chown(planted, 65534, 65534)
    left.write_bytes(old(b"of version 0.4"))
    os.chown(shared, owner, owner)
    one, inbox = opened(shared), Inbox()
    await append(one, b"a")
    own = shared / "receiver-0"
    assert (one.look().path, own.stat().st_mode & 0o777) == (own, 0o700)
    await one.drain(inbox.take)
    assert inbox.taken == [b"of version 0.4", b"a"]
    assert planted.exists()
    assert holds(one), "what others put around it is none of ours"


async def test_what_waits_in_ours_is_found_when_nobody_else_may_enter_the_folder_any_more(tmp_path: Path) -> None:
    shared = tmp_path / "volume"
    shared.mkdir(mode=0o755)
    before = opened(shared)
    await append(before, b"a")
    await before.close()
    shared.chmod(0o700)
    assert await drained(shared) == [b"a"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a folder away")
async def test_a_folder_of_ours_that_somebody_else_made_is_not_used(tmp_path: Path) -> None:
    trap = tmp_path / "receiver-0"
    trap.mkdir(mode=0o700)
    os.chown(trap, 65534, 65534)
    tmp_path.chmod(0o755)
    one = opened(tmp_path)
    await one.make_ready()
    assert not holds(one)
    with pytest.raises(StoreUnavailableError, match="belongs to another user"):
        await append(one, b"a")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
@pytest.mark.parametrize("how", ["written", "linked", "alike"])
async def test_what_others_may_have_written_around_it_is_neither_believed_nor_said(tmp_path: Path, how: str) -> None:
    """A file that we own might have been written or named by somebody else."""
    shared = tmp_path / "volume"
    shared.mkdir()
    shared.chmod(0o777)
    name, content = shared / f"{1:020d}-x.spool", written(b"abcdefgh", [b"forged"], 1.0)
    if how == "written":
        name.write_bytes(content)
        name.chmod(0o666)
    elif how == "linked":
        (tmp_path / "ours").write_bytes(content)
        name.hardlink_to(tmp_path / "ours")
    else:
        name.write_bytes(b"a log of ours\n" + content[START:])
        name.chmod(0o600)
    os.mkfifo(shared / f"{2:020d}-x.spool")
    for planted in (f"{2:020d}-x.spool", f"{3:020d}-x.spool", "x.refused", "x.damaged"):
        (shared / planted).touch()
        os.chown(shared / planted, 65534, 65534)
    one, inbox = opened(shared), Inbox()
    await append(one, b"a")
    await one.drain(inbox.take)
    assert inbox.taken == [b"a"]
    assert (one.look().unknown, name.exists()) == (how == "alike", True)
    assert holds(one) is (how != "alike")


async def test_what_else_lies_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.spool").write_bytes(b"not ours")
    one = opened(tmp_path)
    await append(one, b"a")
    assert one.look().used == FRAMED + 1
    inbox = Inbox()
    await one.drain(inbox.take)
    await one.close()
    assert (inbox.taken, [path.name for path in tmp_path.iterdir()]) == ([b"a"], ["mine.spool"])


# --- what is not whole is not removed unread -------------------------------------------------------------------------


@pytest.mark.parametrize("content", [
    written(b"abcdefgh", [b"a", b"b"], 1.0).replace(b"b\n", b"X\n"),
    old(b"a", b"b")[:-1] + b"X",
], ids=["new", "old"])  # fmt: skip
async def test_a_damaged_segment_is_kept_aside_and_what_is_whole_of_it_is_taken(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / f"{1:020d}-x.spool").write_bytes(content)
    one, inbox = opened(tmp_path), Inbox()
    assert [await one.drain(inbox.take) for _ in range(2)] == [1, 0]
    assert inbox.taken == [b"a"]
    (aside,) = tmp_path.iterdir()
    assert (aside.suffix, aside.read_bytes()) == (".damaged", content)
    assert (one.look().damaged, holds(one)) == (1, False)
    assert "is damaged: 1 whole records were read" in caplog.text


@pytest.mark.parametrize("state", [State.WHOLE, State.DAMAGED])
async def test_a_full_disk_costs_nothing_of_what_cannot_be_stored_and_is_filled_by_nothing(
    folder: Path, state: State
) -> None:
    kept, refused = [b"f" * 300_000, b"g" * 300_000], b"r" * 300_000
    inbox = Inbox(**{one.decode(): Fate.FOREIGN for one in kept}, **{refused.decode(): Fate.REFUSED})
    content = written(b"abcdefgh", [b"taken", *kept, refused], 1.0)
    with small_disk(folder / "disk", 2) as disk:
        disk.chmod(0o700)
        (disk / f"{1:020d}-x.spool").write_bytes(
            content if state is State.WHOLE else content.replace(b"taken\n", b"taken?")
        )
        (disk / "anything").write_bytes(bytes(500_000))
        one = opened(disk, room=0)
        for _ in range(4):
            await one.drain(inbox.take)
            assert {*kept} <= {*opened(disk).records()}, "it is where the next drain finds it"
        (aside,) = (path for path in disk.iterdir() if path.suffix == ".refused")
        assert scan(aside.read_bytes()).records == (refused,)
        assert not holds(one)
        (disk / "anything").unlink()
        await one.drain(inbox.take)
        assert [*opened(disk).records()] == kept
        await one.drain(inbox.take)
        assert (await one.condition()).foreign == len(kept)
        suffixes = sorted(path.suffix for path in disk.iterdir())
        assert suffixes == sorted([".refused", ".spool", *([DAMAGED] if state is State.DAMAGED else [])])


async def test_on_a_full_disk_what_had_trouble_of_its_own_is_tried_again(folder: Path) -> None:
    """The drain empties the only segment, which no other can replace."""
    inbox = Inbox(later=Fate.LATER)
    with small_disk(folder / "disk", 2) as disk:
        disk.chmod(0o700)
        one = opened(disk, room=1_000_000)
        await one.make_ready()
        fill(disk)
        for record in (b"later", b"a"):
            await append(one, record)
        for _ in range(2):
            await one.drain(inbox.take)
        assert (inbox.taken, [*opened(disk).records()]) == ([b"a"], [b"later", b"a"])
        inbox.fates.clear()
        await one.drain(inbox.take)
        assert (inbox.taken, [*opened(disk).records()]) == ([b"a", b"later"], [])


@pytest.mark.parametrize("failing", ["left", "damaged"])
async def test_a_damaged_segment_that_is_settled_twice_loses_nothing_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """Stop before a step, as if the process were killed."""
    content = written(b"abcdefgh", [b"damaged", b"foreign"], 1.0).replace(b"damaged\n", b"damaged?")
    (tmp_path / f"{1:020d}-x.spool").write_bytes(content)
    real = os.replace

    def killed(source: str, target: str, **options: int) -> None:
        if target.endswith(DAMAGED) is (failing == "damaged"):
            raise OSError(errno.EIO, "killed")
        real(source, target, **options)

    inbox = Inbox(foreign=Fate.FOREIGN)
    with monkeypatch.context() as dying:
        dying.setattr(os, "replace", killed)
        for _ in range(2):
            await opened(tmp_path).drain(inbox.take)
    assert {*opened(tmp_path).records()} == {b"foreign"}
    await opened(tmp_path).drain(inbox.take)
    assert [*opened(tmp_path).records()] == [b"foreign"]
    (aside,) = (path for path in tmp_path.iterdir() if path.suffix == DAMAGED)
    assert aside.read_bytes() == content


@pytest.mark.parametrize("head", [b"rcv9" + b"what do we know", b"rcv9".ljust(START, b"x"), b"anything"])
async def test_a_segment_of_another_version_stays_and_is_said(tmp_path: Path, head: bytes) -> None:
    newer = tmp_path / f"{1:020d}-x.spool"
    newer.write_bytes(head)
    one, inbox = opened(tmp_path), Inbox()
    assert (one.look().unknown, holds(one)) == (1, False), "whoever only looks says the same"
    await append(one, b"a")
    assert [await one.drain(inbox.take) for _ in range(2)] == [1, 0]
    assert newer.exists()
    assert (one.look().unknown, holds(one)) == (1, False)


async def test_a_segment_of_the_version_before_is_drained(tmp_path: Path) -> None:
    (tmp_path / f"{1:020d}-x.spool").write_bytes(old(b"a", b"", b"c" * 1000))
    assert await drained(tmp_path) == [b"a", b"", b"c" * 1000]
    assert list(tmp_path.iterdir()) == []
