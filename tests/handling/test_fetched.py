"""`handling.fetched`, by `ctx.file`: a file of a bucket is here for as long as the try runs, and no longer."""

import asyncio
import errno
import hashlib
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from receiver import Artifact, Context, Event, Handler, LeaseLostError, Postpone, handler
from receiver.errors import ImpossibleError
from receiver.handling import fetched
from receiver.handling.fetched import Fetched
from receiver.testing import Scratch
from receiver.worker import attempt
from receiver.worker.attempt import LeftBehind
from tests.buckets import Objects
from tests.worker.working import until

VOICE = Artifact("voice.wav", None, 5, hashlib.sha256(b"voice").hexdigest(), "s3://notes/stems/voice.wav")


@handler("transcription.completed")
async def example(event: Event, ctx: Context) -> None:
    """Do nothing."""


async def test_a_file_on_this_machine_is_where_it_is(receiver_scratch: Scratch, tmp_path: Path) -> None:
    (tmp_path / "voice.wav").write_bytes(b"voice")
    here = replace(VOICE, place=str(tmp_path / "voice.wav"))
    _, ctx = await receiver_scratch.claim(example)
    assert await ctx.file(here) == tmp_path / "voice.wav"
    with pytest.raises(Postpone, match=r"^voice\.wav is not on this machine: run a worker where /no/such is$"):
        await ctx.file(replace(VOICE, place="/no/such"))
    with pytest.raises(ImpossibleError, match=r"/voice\.wav is not the file any more that was fetched$"):
        await ctx.file(replace(here, bytes=99))


async def test_a_file_in_a_bucket_is_fetched_once_and_has_no_path_of_its_own(
    receiver_scratch: Scratch, objects: Objects
) -> None:
    objects.put("stems/voice.wav", b"voice")
    _, ctx = await receiver_scratch.claim(example)
    first, second = await asyncio.gather(ctx.file(VOICE), ctx.file(VOICE))
    assert (first, first.read_bytes(), first.name) == (second, b"voice", "voice.wav")
    with pytest.raises(ImpossibleError, match=r"await ctx\.file\(artifact\) fetches it$"):
        _ = VOICE.path


async def test_two_files_of_one_name_are_two(receiver_scratch: Scratch, objects: Objects) -> None:
    objects.put("stems/voice.wav", b"voice")
    objects.put("other/voice.wav", b"other")
    other = replace(VOICE, place="s3://notes/other/voice.wav", sha256=hashlib.sha256(b"other").hexdigest())
    _, ctx = await receiver_scratch.claim(example)
    paths = [await ctx.file(one) for one in (VOICE, other)]
    assert [path.read_bytes() for path in paths] == [b"voice", b"other"]


async def test_no_name_leads_out_of_the_folder(objects: Objects, tmp_path: Path) -> None:
    objects.put("stems/voice.wav", b"voice")
    for name in ("../../voice.wav", "/etc/voice.wav", "..", "", "a\0b", "x" * 500):
        files = Fetched(tmp_path / "within")
        found = await files.path(replace(VOICE, name=name), Path)
        assert found.resolve().is_relative_to(tmp_path / "within")
        files.remove()


@pytest.mark.usefixtures("objects")
async def test_a_file_that_is_gone_ends_the_job(receiver_scratch: Scratch) -> None:
    _, ctx = await receiver_scratch.claim(example)
    with pytest.raises(ImpossibleError, match=r"^s3://notes/stems/voice\.wav is not there$"):
        await ctx.file(VOICE)


async def test_a_bucket_that_cannot_be_asked_postpones(
    receiver_scratch: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nowhere")
    _, ctx = await receiver_scratch.claim(example)
    with pytest.raises(Postpone, match=r"^voice\.wav is not here yet: AWS_ENDPOINT_URL must be"):
        await ctx.file(VOICE)


# --- how long it is here ---------------------------------------------------------------------------------------------


class Trying:
    """Handlers that fetch a file, and where it was."""

    def __init__(self) -> None:
        self.found: list[Path] = []

    async def returns(self, _: Event, ctx: Context) -> None:
        self._see(await ctx.file(VOICE))

    async def raises(self, _: Event, ctx: Context) -> None:
        self._see(await ctx.file(VOICE))
        raise RuntimeError("no")

    async def hangs(self, _: Event, ctx: Context) -> None:
        self._see(await ctx.file(VOICE))
        await asyncio.Event().wait()

    def blocks(self, _: Event, ctx: Context) -> None:
        self._see(ctx.wait(ctx.file(VOICE)))

    def _see(self, path: Path) -> None:
        assert path.read_bytes() == b"voice"
        self.found.append(path)


@pytest.mark.parametrize("way", ["returns", "raises", "hangs", "blocks"])
async def test_it_is_removed_when_the_try_ends(
    receiver_scratch: Scratch, objects: Objects, tmp_path: Path, way: str
) -> None:
    objects.put("stems/voice.wav", b"voice")
    event, ctx = await receiver_scratch.claim(example)
    trying, ctx = Trying(), replace(ctx, fetched=Fetched(tmp_path / "fetched"))
    function: Callable[[Event, Context], Awaitable[None]] = getattr(trying, way)
    own = handler("transcription.completed", name="own", timeout=2 if way == "hangs" else 60)(function)
    assert isinstance(own, Handler)
    await attempt.run(own, event, ctx, left_behind=LeftBehind())
    assert len(trying.found) == 1
    assert list((tmp_path / "fetched").iterdir()) == []


async def test_nothing_is_fetched_for_what_a_try_has_left_behind(
    receiver_scratch: Scratch, objects: Objects, tmp_path: Path
) -> None:
    objects.put("stems/voice.wav", b"voice")
    event, ctx = await receiver_scratch.claim(example)
    ctx, is_over = replace(ctx, fetched=Fetched(tmp_path / "fetched")), asyncio.Event()
    late = list[asyncio.Task[Path]]()

    async def fetch(ctx: Context) -> Path:
        await is_over.wait()
        return await ctx.file(VOICE)

    async def returning(_: Event, ctx: Context) -> None:
        late.append(asyncio.create_task(fetch(ctx)))

    own = handler("transcription.completed", name="own")(returning)
    assert isinstance(own, Handler)
    await attempt.run(own, event, ctx, left_behind=LeftBehind())
    is_over.set()
    with pytest.raises(LeaseLostError):
        await late[0]
    assert not (tmp_path / "fetched").exists()


async def test_a_handler_that_is_left_behind_keeps_it_until_it_ends(
    receiver_scratch: Scratch, objects: Objects, tmp_path: Path
) -> None:
    objects.put("stems/voice.wav", b"voice")
    event, ctx = await receiver_scratch.claim(example)
    ctx = replace(ctx, fetched=Fetched(tmp_path / "fetched"))
    go, seen, begun = threading.Event(), list[bytes](), threading.Event()

    def stubborn(_: Event, ctx: Context) -> None:
        path = ctx.wait(ctx.file(VOICE))
        begun.set()
        go.wait(60)
        seen.append(path.read_bytes())

    own = handler("transcription.completed", name="own", timeout=60)(stubborn)
    left_behind = LeftBehind()
    running = asyncio.create_task(attempt.run(own, event, ctx, grace=0.05, left_behind=left_behind))
    assert await asyncio.to_thread(begun.wait, 60)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    go.set()

    async def is_removed() -> bool:
        return list((tmp_path / "fetched").iterdir()) == []

    await until(is_removed)
    assert seen == [b"voice"]


async def test_what_a_killed_worker_has_left_is_swept_and_what_is_in_use_is_not(
    objects: Objects, tmp_path: Path
) -> None:
    objects.put("stems/voice.wav", b"voice")
    fetched.sweep(tmp_path)
    left = tmp_path / fetched.FOLDER / "0123456789abcdef" / "0"
    left.mkdir(parents=True)
    (left / "voice.wav").touch()
    (tmp_path / fetched.FOLDER / "a file").touch()
    used = await Fetched().path(VOICE, lambda: tmp_path)
    fetched.sweep(tmp_path)
    assert used.read_bytes() == b"voice"
    assert sorted(one.name for one in (tmp_path / fetched.FOLDER).iterdir()) == sorted(
        ["a file", used.parent.parent.name]
    )


@pytest.mark.parametrize("way", ["async", "plain"])
async def test_a_try_that_ends_while_its_folder_is_made_leaves_none(
    receiver_scratch: Scratch, tmp_path: Path, way: str
) -> None:
    event, ctx = await receiver_scratch.claim(example)
    files, making, go = Fetched(), threading.Event(), threading.Event()

    def slow() -> Path:
        making.set()
        assert go.wait(60)
        return tmp_path

    async def waits(_: Event, __: Context) -> None:
        await files.path(VOICE, slow)

    def blocks(_: Event, ctx: Context) -> None:
        ctx.wait(files.path(VOICE, slow))

    own = handler("transcription.completed", name="own", timeout=60)(waits if way == "async" else blocks)
    trying = attempt.run(own, event, replace(ctx, fetched=files), left_behind=LeftBehind())
    running = asyncio.create_task(trying)
    assert await asyncio.to_thread(making.wait, 60)
    running.cancel()
    asyncio.get_running_loop().call_later(0.2, go.set)
    with pytest.raises(asyncio.CancelledError):
        await running
    assert [*(tmp_path / fetched.FOLDER).iterdir()] == []
    with pytest.raises(LeaseLostError):
        await files.path(VOICE, lambda: tmp_path)


# It runs in a process of its own: no process gets its descriptors back from the system.
WITHOUT_DESCRIPTORS = """
import os, resource, sys
from pathlib import Path
from receiver.handling import fetched

resource.setrlimit(resource.RLIMIT_CPU, (3, 3))  # whoever tries for ever is ended
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
try:
    fetched._locked(Path(sys.argv[1]))
except OSError as exc:
    os.close(held.pop())
    print(exc.errno)
"""


def test_a_folder_that_cannot_be_locked_is_an_error_and_is_not_left(tmp_path: Path) -> None:
    asked = [sys.executable, "-c", WITHOUT_DESCRIPTORS, str(tmp_path)]
    ran = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)
    assert (int(ran.stdout), [*tmp_path.iterdir()]) == (errno.EMFILE, [])
