"""`receiver.spool`: what was appended survives everything but the disk, and comes out in order."""

import asyncio
import errno
import os
import struct
import zlib
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver import spool
from receiver.errors import SpoolFullError, StoreRefusedError, StoreUnavailableError
from receiver.spool import FRAME, MAGIC, Spool, records

LIMIT = 10_000_000


def framed(*contents: bytes) -> bytes:
    return b"".join(FRAME.pack(MAGIC, len(one), zlib.crc32(one)) + one for one in contents)


class Inbox:
    """Takes records, or raises what it is told to."""

    def __init__(self, *errors: Exception | None) -> None:
        self.taken: list[bytes] = []
        self._errors = list(errors)

    async def take(self, record: bytes) -> None:
        error = self._errors.pop(0) if self._errors else None
        if error is not None:
            raise error
        self.taken.append(record)


async def append(into: Spool, *contents: bytes) -> None:
    for one in contents:
        await into.append(one, seconds=20)


async def drained(folder: Path) -> list[bytes]:
    inbox = Inbox()
    await Spool(folder, limit_bytes=LIMIT).drain(inbox.take)
    return inbox.taken


async def test_what_was_appended_comes_out_in_order_once(tmp_path: Path) -> None:
    one = Spool(tmp_path / "spool", limit_bytes=LIMIT)
    await append(one, b"a", b"", b"c" * 100_000)
    inbox = Inbox()
    assert await one.drain(inbox.take) == 3
    assert inbox.taken == [b"a", b"", b"c" * 100_000]
    assert await one.drain(inbox.take) == 0
    assert list((tmp_path / "spool").iterdir()) == []


async def test_an_empty_spool_has_no_folder_and_nothing_to_drain(tmp_path: Path) -> None:
    empty = Spool(tmp_path / "spool", limit_bytes=LIMIT)
    assert await empty.drain(Inbox().take) == 0
    assert empty.fill() == spool.Fill(0, None, 0)
    assert not (tmp_path / "spool").exists()


async def test_many_at_once_share_few_fsyncs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def counted(descriptor: int) -> None:
        synced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    one = Spool(tmp_path, limit_bytes=LIMIT)
    wanted = [f"{number}".encode() for number in range(500)]
    await asyncio.gather(*(one.append(record, seconds=20) for record in wanted))
    assert len(synced) < 10
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == wanted


async def test_what_another_process_left_is_drained_and_what_one_still_writes_is_not(tmp_path: Path) -> None:
    living, gone = Spool(tmp_path, limit_bytes=LIMIT), Spool(tmp_path, limit_bytes=LIMIT)
    await append(gone, b"left behind")
    await append(living, b"in hand")
    descriptor = gone._segment  # noqa: SLF001 - a killed process' files are closed by the kernel
    assert descriptor is not None
    os.close(descriptor)
    assert await drained(tmp_path) == [b"left behind"]
    inbox = Inbox()
    await living.drain(inbox.take)
    assert inbox.taken == [b"in hand"]


async def test_a_drain_that_is_cut_short_gives_the_same_again_and_loses_nothing(tmp_path: Path) -> None:
    one = Spool(tmp_path, limit_bytes=LIMIT)
    await append(one, b"a", b"b", b"c")
    inbox = Inbox(None, StoreUnavailableError("away"))
    with pytest.raises(StoreUnavailableError):
        await one.drain(inbox.take)
    await append(one, b"d")
    await one.drain(inbox.take)
    assert inbox.taken == [b"a", b"a", b"b", b"c", b"d"]


async def test_a_record_that_the_database_refuses_is_kept_aside_and_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = Spool(tmp_path, limit_bytes=LIMIT)
    await append(one, b"a", b"bad", b"c")
    inbox = Inbox(None, StoreRefusedError("no"))
    await one.drain(inbox.take)
    assert inbox.taken == [b"a", b"c"]
    (aside,) = tmp_path.iterdir()
    assert (aside.suffix, list(records(aside.read_bytes()))) == (".refused", [b"a", b"bad", b"c"])
    assert "kept aside" in caplog.text
    assert await one.drain(inbox.take) == 0
    assert one.check() == (False, "empty; 1 .refused files hold what the database refuses")
    aside.rename(aside.with_suffix(".spool"))
    await one.drain(inbox.take)
    assert (inbox.taken[-3:], one.check()) == ([b"a", b"bad", b"c"], (True, "empty"))


async def test_a_segment_that_cannot_be_read_is_told_of_once_and_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A pipe under a segment's name, the oldest one, stands for a disk that fails; who opens it must not wait."""
    one = Spool(tmp_path, limit_bytes=LIMIT)
    os.mkfifo(tmp_path / f"{1:020d}-bad.spool")
    await append(one, b"a", b"b")
    inbox = Inbox()
    assert [await one.drain(inbox.take) for _ in range(3)] == [2, 0, 0]
    assert inbox.taken == [b"a", b"b"]
    assert not one.check()[0]
    assert "-bad.spool cannot be drained: is no file" in one.check()[1]
    assert caplog.text.count("cannot be drained") == 1


async def test_what_was_taken_and_cannot_be_removed_is_not_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    one, inbox = Spool(tmp_path, limit_bytes=LIMIT), Inbox()
    await append(one, b"a")
    with monkeypatch.context() as read_only:
        read_only.setattr(Path, "unlink", refuse)
        assert [await one.drain(inbox.take) for _ in range(2)] == [0, 0]
        assert "Read-only file system" in one.check()[1]
    await one.drain(inbox.take)
    assert (inbox.taken, one.check()) == ([b"a"], (True, "empty"))


async def test_a_full_spool_refuses_and_has_room_again_when_it_is_drained(tmp_path: Path) -> None:
    one = Spool(tmp_path, limit_bytes=300)
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
    await append(Spool(tmp_path, limit_bytes=300), b"x" * 200)
    with pytest.raises(SpoolFullError):
        await append(Spool(tmp_path, limit_bytes=300), b"y" * 200)


@pytest.mark.parametrize("call", ["fsync", "write"])
async def test_a_disk_that_fails_is_no_answer_and_what_follows_goes_into_another_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    one = Spool(tmp_path, limit_bytes=LIMIT)
    await append(one, b"a")

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, call, fail)
        with pytest.raises(StoreUnavailableError, match="No space left on device"):
            await append(one, b"lost, and said so")
    await append(one, b"b")
    assert len(list(tmp_path.iterdir())) == 2
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == [b"a", b"b"]


async def test_a_disk_that_stays_full_is_told_of_until_it_is_drained_and_not_littered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Spool(tmp_path, limit_bytes=LIMIT)
    assert one.check() == (True, "empty")

    def fail(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "write", fail)
        for _ in range(3):
            with pytest.raises(StoreUnavailableError, match="No space left on device"):
                await append(one, b"a")
    assert list(tmp_path.iterdir()) == []
    assert one.check() == (False, "empty; the spool: No space left on device")
    await one.drain(Inbox().take)
    assert one.check() == (True, "empty")
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", fail)
        with pytest.raises(StoreUnavailableError):
            await append(one, b"a")
    await append(one, b"b")
    assert one.check()[0]


async def test_a_disk_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = Spool(tmp_path, limit_bytes=LIMIT)
    read, write = os.pipe()
    monkeypatch.setattr(os, "fsync", lambda _: os.read(read, 1))
    with pytest.raises(StoreUnavailableError, match=r"did not answer in 0\.05 s"):
        await one.append(b"a", seconds=0.05)
    os.write(write, b"goon")
    os.close(write)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
async def test_what_another_user_has_put_into_the_folder_is_not_believed(tmp_path: Path) -> None:
    """What is drained was verified before it was spooled, by us or by the owner of the folder."""
    foreign, own = (tmp_path / f"{number:020d}-x.spool" for number in (1, 2))
    foreign.write_bytes(framed(b"planted"))
    os.chown(foreign, 65534, 65534)
    own.write_bytes(framed(b"a"))
    one, inbox = Spool(tmp_path, limit_bytes=LIMIT), Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == [b"a"]
    assert f"{foreign.name} cannot be drained: belongs to another user" in one.check()[1]
    os.chown(tmp_path, 65534, 65534)
    await one.drain(inbox.take)
    assert inbox.taken == [b"a", b"planted"]


async def test_a_long_spool_is_cut_into_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "SEGMENT_BYTES", 1000)
    one = Spool(tmp_path, limit_bytes=LIMIT)
    wanted = [bytes([number]) * 400 for number in range(20)]
    await append(one, *wanted)
    assert len(list(tmp_path.iterdir())) == 7
    fill = one.fill()
    assert fill.bytes == 20 * (400 + FRAME.size)
    assert fill.since is not None
    inbox = Inbox()
    await one.drain(inbox.take)
    assert inbox.taken == wanted


def test_a_file_that_is_cut_at_any_byte_gives_every_whole_record() -> None:
    wanted = [f"record {number} ".encode() * number for number in range(20)]
    content = framed(*wanted)
    ends = list(accumulate(FRAME.size + len(record) for record in wanted))
    for cut in range(len(content) + 1):
        assert list(records(content[:cut])) == wanted[: sum(end <= cut for end in ends)]


@given(st.lists(st.binary(max_size=40), min_size=1, max_size=8), st.data())
def test_damage_costs_the_record_that_it_is_in(contents: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(framed(*contents))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    found = list(records(bytes(whole)))
    starts, place = [], 0
    for one in contents:
        starts.append(place)
        place += FRAME.size + len(one)
    hit = max(number for number, start in enumerate(starts) if start <= at)
    assert found == contents[:hit] + contents[hit + 1 :]


def test_a_length_that_is_damage_is_not_believed() -> None:
    lie = struct.pack(">4sII", MAGIC, 2**31, 0)
    assert list(records(lie + framed(b"a"))) == [b"a"]


def test_nothing_but_noise_is_nothing() -> None:
    noise: Sequence[bytes] = [b"", b"\0" * 100, MAGIC * 30, os.urandom(1000).replace(MAGIC[:2], b"")]
    assert [list(records(one)) for one in noise] == [[], [], [], []]


async def test_what_else_lies_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.spool").write_bytes(b"not ours")
    one = Spool(tmp_path, limit_bytes=LIMIT)
    await append(one, b"a")
    assert one.fill().bytes == FRAME.size + 1
    inbox = Inbox()
    await one.drain(inbox.take)
    assert (inbox.taken, [path.name for path in tmp_path.iterdir()]) == ([b"a"], ["mine.spool"])
