"""`database.private`: only private files are opened, whatever is in their place, and a replaced file is whole."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.database import private

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
US = os.geteuid()
READ, LOCK = os.O_RDONLY, os.O_RDWR | os.O_CREAT


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[int]:
    with private.opened_folder(tmp_path, owner=US) as folder:
        yield folder


def lie_in_place(path: Path, what: str) -> None:
    """Put something into the place of a file."""
    elsewhere = path.with_name("elsewhere")
    if what == "link":
        elsewhere.write_text("a secret")
        path.symlink_to(elsewhere)
    elif what == "dangling link":
        path.symlink_to(elsewhere)
    elif what == "pipe":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.touch()
        os.chown(path, 54321, 54321)


@pytest.mark.parametrize("flags", [READ, LOCK, os.O_WRONLY | os.O_APPEND | os.O_CREAT], ids=["read", "lock", "append"])
@pytest.mark.parametrize(
    "what", ["link", "dangling link", "pipe", "folder", pytest.param("another user's", marks=as_root)]
)
def test_what_is_no_file_of_ours_is_refused_at_once(tmp_path: Path, opened: int, what: str, flags: int) -> None:
    lie_in_place(tmp_path / "users.lock", what)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match=r"users\.lock"):
        private.open_file(opened, "users.lock", flags, owner=US)
    assert sorted(tmp_path.iterdir()) == before


@as_root
def test_what_root_makes_in_another_users_folder_is_that_users(tmp_path: Path, opened: int) -> None:
    for _ in range(2):  # when it is new, and when it is there
        os.close(private.open_file(opened, "users.lock", LOCK, owner=54321))
    status = (tmp_path / "users.lock").stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (54321, 0o600)


@as_root
def test_a_file_of_roots_that_another_user_gave_a_second_name_is_refused(tmp_path: Path, opened: int) -> None:
    (tmp_path / "shadow").write_text("root's")
    os.close(private.open_file(opened, "shadow", os.O_WRONLY, owner=54321))
    os.link(tmp_path / "shadow", tmp_path / "postgres.log")
    with pytest.raises(OSError, match=r"another user's.*postgres\.log"):
        private.open_file(opened, "postgres.log", os.O_WRONLY, owner=54321)


def test_what_cannot_be_given_to_its_owner_keeps_no_descriptor(opened: int) -> None:
    before = os.listdir("/proc/self/fd")  # noqa: PTH208 - names are enough
    with pytest.raises(OverflowError):  # as an OSError where a disk keeps no owners
        private.open_file(opened, "file", os.O_RDWR | os.O_CREAT, owner=2**40)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


@pytest.mark.parametrize("what", ["link", "file", pytest.param("another user's", marks=as_root)])
def test_a_folder_that_is_none_of_ours_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "uploads"
    if what == "link":
        path.symlink_to(tmp_path)
    elif what == "file":
        path.touch()
    else:
        path.mkdir()
        os.chown(path, 54321, 54321)
    with pytest.raises(OSError, match="uploads"), private.opened_folder(path, owner=US):
        pass


def test_no_more_is_read_than_was_asked_for(tmp_path: Path, opened: int) -> None:
    (tmp_path / "PG_VERSION").write_bytes(b"18\n" * 1000)
    assert private.read(opened, "PG_VERSION", owner=US, most=3) == b"18\n"


def test_a_replaced_file_is_new_private_and_alone(tmp_path: Path, opened: int) -> None:
    (tmp_path / "kept").write_text("old")
    (tmp_path / "kept").chmod(0o666)
    (tmp_path / "elsewhere").symlink_to("kept")
    private.replace(opened, "elsewhere", b"new")
    private.replace(opened, "kept", b"newer")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"kept": "newer", "elsewhere": "new"}
    assert {stat.S_IMODE(path.lstat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_what_cannot_be_replaced_leaves_nothing_behind(tmp_path: Path, opened: int) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(OSError, match="kept"):
        private.replace(opened, "kept", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
