"""`handlers.ready._folder`: files appear whole and in their places only, whoever dies and whatever links lie there."""

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from handlers.ready._folder import Folder
from receiver import GiveUp
from tests.processes import REPOSITORY, as_root

CONTENTS = {"talks/a.md": b"of a", "talks/a.srt": b"1\n", "b.md": b"b" * 100_000}
# A try that is killed, as by kill -9, at the n-th call of a function that is not Python's.
CHILD = """
import os, signal, sys
from pathlib import Path
from handlers.ready._folder import Folder

place, number, word = sys.argv[1], int(sys.argv[2]), sys.argv[3]
calls = 0

def count(frame, event, argument):
    global calls
    if event == "c_call" and frame.f_code.co_filename.endswith("_folder.py"):
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)

(Path(place).parent / "source").write_bytes(word.encode() * 50_000)
sys.setprofile(count)
with Folder(place, "key") as folder:
    folder.put("talks/a.md", word.encode())
    folder.put("talks/deep/a.bin", Path(place).parent / "source")
    folder.publish()
sys.setprofile(None)
"""
WHOLE = {"talks/a.md": 1, "talks/deep/a.bin": 50_000}


def write(place: Path, contents: dict[str, bytes] = CONTENTS, key: str = "key") -> None:
    with Folder(str(place), key) as folder:
        for path, content in contents.items():
            folder.put(path, content)
        folder.publish()


def read(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def test_files_take_their_places_in_folders_that_are_made(tmp_path: Path) -> None:
    write(tmp_path / "not" / "there")
    assert read(tmp_path / "not" / "there") == CONTENTS
    write(tmp_path / "not" / "there", {"b.md": b"other"})
    assert read(tmp_path / "not" / "there") == CONTENTS | {"b.md": b"other"}


def test_nothing_is_seen_and_nothing_is_left_without_publish(tmp_path: Path) -> None:
    with Folder(str(tmp_path), "key") as folder:
        folder.put("talks/a.md", b"a")
        folder.put("talks/b.bin", REPOSITORY / "pyproject.toml")
        assert [path.name for path in tmp_path.rglob("*") if path.name[0] != "."] == ["talks"]
        assert not folder.has("talks/a.md")
        assert not folder.has("no/folder.md")
    assert read(tmp_path) == {}


def test_what_a_try_that_was_killed_has_left_goes_with_the_next_one_of_the_job_alone(tmp_path: Path) -> None:
    left = Folder(str(tmp_path), "key")
    left.put("talks/a.md", b"half")
    of_another = Folder(str(tmp_path), "other")
    of_another.put("talks/c.md", b"half")
    assert len(read(tmp_path)) == 2
    write(tmp_path, {"talks/a.md": b"whole"})
    names = sorted(read(tmp_path))
    assert names[1:] == ["talks/a.md"]
    with of_another:
        of_another.publish()
    assert read(tmp_path) == {"talks/a.md": b"whole", "talks/c.md": b"half"}
    with left:
        pass


def test_a_link_is_not_followed_and_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    outside, place = tmp_path / "outside", tmp_path / "place"
    outside.mkdir()
    place.mkdir()
    (outside / "mine.md").write_text("mine")
    (place / "talks").symlink_to(outside)
    (place / "b").write_text("a file")
    for path in ("talks/mine.md", "b/mine.md", "talks/deeper/mine.md"):
        with pytest.raises(GiveUp, match=r"is a link or a file, and nothing is written through it"):
            write(place, {path: b"theirs"})
        with Folder(str(place), "key") as folder, pytest.raises(GiveUp):
            folder.has(path)
    (place / "mine.md").symlink_to(outside / "mine.md")
    (place / "lost.md").symlink_to(outside / "lost.md")
    with Folder(str(place), "key") as folder:
        assert folder.has("mine.md")
        assert folder.has("lost.md")
    write(place, {"mine.md": b"theirs"})  # the link itself is replaced
    assert read(outside) == {"mine.md": b"mine"}
    assert not (place / "mine.md").is_symlink()


def test_the_folder_itself_can_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "place").symlink_to(tmp_path / "disk")
    write(tmp_path / "place")
    assert read(tmp_path / "disk") == CONTENTS


@pytest.fixture
def private() -> Iterator[None]:
    """Make files as every `receiver` process does: for its own user alone."""
    mask = os.umask(0o077)
    yield
    os.umask(mask)


def rights(path: Path) -> int:
    return stat.S_IMODE(path.stat(follow_symlinks=False).st_mode)


@pytest.mark.usefixtures("private")
@pytest.mark.parametrize("mode", [0o755, 0o750, 0o2770, 0o777, 0o700])
def test_whoever_may_read_the_folder_may_read_the_files_also_those_that_replace_others(
    tmp_path: Path, mode: int
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    place.chmod(mode)
    (place / "b.md").touch()
    for _ in range(2):
        write(place, CONTENTS | {"talks/deep/c.md": b"c"})
        assert {rights(path) for path in place.rglob("*.md")} == {mode & 0o666}
        assert (rights(place / "talks"), rights(place / "talks" / "deep")) == (mode, mode)
    assert rights(place) == mode


def test_a_folder_that_is_not_there_is_made_for_us_alone(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        write(tmp_path / "place")
    finally:
        os.umask(mask)
    found = [tmp_path / "place", tmp_path / "place" / "talks", tmp_path / "place" / "b.md"]
    assert [rights(path) for path in found] == [0o700, 0o700, 0o600]


def test_a_folder_in_it_keeps_its_rights_unless_a_killed_try_has_left_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "mine").mkdir(0o700)
    (tmp_path / "left").mkdir(0o1700)
    write(tmp_path, {"mine/a.md": b"a", "left/a.md": b"a"})
    assert (rights(tmp_path / "mine"), rights(tmp_path / "left")) == (0o700, 0o755)


def test_nobody_else_reads_a_file_that_is_being_written(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    (tmp_path / "place").chmod(0o755)
    os.mkfifo(tmp_path / "source")
    with Folder(str(tmp_path / "place"), "key") as folder:
        writing = threading.Thread(target=folder.put, args=("a.bin", tmp_path / "source"))
        writing.start()
        with (tmp_path / "source").open("wb"):
            (hidden,) = (tmp_path / "place").iterdir()
            assert rights(hidden) == 0o600
        writing.join()
        folder.publish()
    assert rights(tmp_path / "place" / "a.bin") == 0o644


def test_the_rights_of_what_a_link_leads_to_stay(tmp_path: Path) -> None:
    place, outside = tmp_path / "place", tmp_path / "mine.md"
    place.mkdir()
    place.chmod(0o755)
    outside.touch()
    outside.chmod(0o600)
    (place / "b.md").symlink_to(outside)
    write(place)
    assert (rights(place / "b.md"), rights(outside)) == (0o644, 0o600)


@as_root
def test_files_have_the_group_of_the_folder(tmp_path: Path) -> None:
    os.chown(tmp_path, -1, 12345)
    write(tmp_path)
    assert {path.stat().st_gid for path in tmp_path.rglob("*")} == {12345}


def test_a_file_that_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "b.md").mkdir()
    with pytest.raises(OSError, match=r"b\.md"):
        write(tmp_path)
    assert [path for path in read(tmp_path) if "/." in f"/{path}"] == []


def test_whoever_is_killed_at_any_step_has_left_whole_files_and_the_next_try_does_the_rest(tmp_path: Path) -> None:
    """Every call of the system is a step. The place had files of an earlier try."""
    place, number, killed = tmp_path / "place", 0, -9
    write(place, {path: b"o" * size for path, size in WHOLE.items()})
    while killed == -9:
        number += 1
        word = "abcdefghij"[number % 10]
        ran = subprocess.run([sys.executable, "-c", CHILD, str(place), str(number), word], cwd=REPOSITORY, check=False)
        killed = ran.returncode
        seen = {path: content for path, content in read(place).items() if "/." not in f"/{path}"}
        assert {path: len(content) for path, content in seen.items()} == WHOLE
        assert all(len(set(content)) == 1 for content in seen.values())
        write(place, {path: b"z" * size for path, size in WHOLE.items()})
        assert read(place) == {path: b"z" * size for path, size in WHOLE.items()}
    assert killed == 0
    assert number > 20  # every call was a step of this test, and not the first few alone
