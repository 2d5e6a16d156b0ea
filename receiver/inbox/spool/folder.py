"""The folder of the segments. It is private, because its records are stored without another verification.

If another user owns the configured folder, or others can enter it, as is usual for a platform's new volume, we make our
own folder in it. Every file is opened below a descriptor of our folder, which stays open, and never through a link.

The path can lead elsewhere later: somebody moves the folder away, or mounts another one over it. Then we write where
the path leads, as the next process will, and drain the earlier folder until we end.
"""

import errno
import fcntl
import os
import re
import stat
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from receiver.database import private

SUFFIX = ".spool"
NEXT = ".next"  # a segment without records
LEAST_BYTES = 64 * 1024  # below this much free space the disk counts as full
REFUSED = ".refused"
DAMAGED = ".damaged"
NAME = re.compile(rf"\d{{20}}-[0-9a-z]+(\{SUFFIX}|\{NEXT})")  # begins with its time, in nanoseconds


@dataclass(frozen=True, slots=True)
class Place:
    """A file's name and its folder: ours, one around or within it, or an earlier one."""

    folder: "SpoolFolder"
    name: str


class SpoolFolder:
    """One folder, opened when it is needed and then kept open.

    Args:
        path: the configured folder. Ours is that folder, or one in it.

    Attributes:
        is_private: whether only our user can put files there.
    """

    is_private = True

    def __init__(self, path: Path) -> None:
        self.configured = path
        self._descriptor: int | None = None
        self._opening = threading.Lock()
        self._listing = threading.Lock()
        self._inner = ""
        self._around: SpoolFolder | None = None
        self._within: SpoolFolder | None = None
        self._before: list[_Before] = []

    @property
    def path(self) -> Path:
        """Our folder's path, as far as it is known without making the folder."""
        with suppress(OSError):
            if not self._inner and not _is_private(self.configured.stat()):
                return self.configured / own_name()
        return self.configured / self._inner

    def use(self, *, make: bool) -> int:
        """Return a descriptor of our folder.

        Raises:
            OSError: the folder is missing and `make` is false, it cannot be made, or it is not ours.
        """
        with self._opening:
            if self._descriptor is None or not self._is_there(self._descriptor):
                self._leave()
                self._descriptor = self._open(make=make)
            return self._descriptor

    def _is_there(self, descriptor: int) -> bool:
        """Return whether the path still leads to the folder that we have open."""
        try:
            return _same((self.configured / self._inner).stat(), os.fstat(descriptor))
        except (FileNotFoundError, NotADirectoryError):
            return False

    def _leave(self) -> None:
        """Close a folder to which the path no longer leads; remember it if it holds segments."""
        descriptor, self._descriptor, self._inner = self._descriptor, None, ""
        for other in (self._around, self._within):
            if other is not None:
                other.close()
        if descriptor is not None:
            before = _Before(self.configured, descriptor)
            if before.segments():
                self._before.append(before)
            else:
                before.close()

    def _open(self, *, make: bool) -> int:
        if make:
            self.configured.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_private(self.configured.stat()):
            self._inner = own_name()
            if make:
                with suppress(FileExistsError):
                    self.path.mkdir(mode=0o700)
        own_only = os.O_NOFOLLOW if self._inner else 0
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | own_only)
        if not _is_private(os.fstat(descriptor)):
            os.close(descriptor)
            raise OSError(errno.EPERM, "it belongs to another user, or others can enter it")
        return descriptor

    def open(self, name: str, flags: int) -> int:
        """Open a file in our folder.

        Raises:
            OSError: the file cannot be opened, is not a plain file, or belongs to another user.
        """
        folder = self.use(make=bool(flags & os.O_CREAT))
        return private.open_file(folder, name, flags, owner=os.geteuid())

    def lock(self, name: str) -> int | None:
        """Open and lock a segment; return None if it is gone, or if another process writes to it or drains it.

        Raises:
            OSError: the file cannot be opened, is not a plain file, or belongs to another user.
        """
        try:
            descriptor = self._open_to_lock(name)
        except FileNotFoundError:  # another process has drained it
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.holds(name, descriptor):
                return descriptor
        except BlockingIOError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def _open_to_lock(self, name: str) -> int:
        """Open a file for writing, because NFS cannot lock other files; on a read-only disk open it for reading."""
        try:
            return self.open(name, os.O_RDWR)
        except OSError as exc:
            if exc.errno not in (errno.EROFS, errno.EACCES):
                raise
            return self.open(name, os.O_RDONLY)

    def holds(self, name: str, descriptor: int) -> bool:
        """Return whether a name in the folder, at its current path, is still the name of the open file."""
        try:
            there = os.stat(name, dir_fd=self.use(make=False), follow_symlinks=False)
        except FileNotFoundError:
            return False
        return _same(there, os.fstat(descriptor))

    def write(self, name: str, content: bytes) -> None:
        """Write a whole file, which replaces any file of this name, and return when it is on disk.

        Raises:
            OSError: the disk does not store the file; the earlier one is still there.
        """
        private.replace(self.use(make=False), name, content)

    def move(self, name: str, new: str) -> None:
        """Rename a file. After a crash it can have either name."""
        os.replace(name, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def rename(self, name: str, new: str) -> None:
        """Rename a file and wait until the new name is on disk."""
        self.move(name, new)
        self.sync()

    def remove(self, name: str) -> None:
        """Remove a file."""
        os.unlink(name, dir_fd=self._descriptor)

    def lacks(self) -> str | None:
        """Return what the disk has run out of, as text; None if nothing is short."""
        disk = os.statvfs(self.use(make=False))
        if disk.f_blocks and disk.f_bavail * disk.f_frsize < LEAST_BYTES:
            return "no space"
        return "no inodes" if disk.f_files and not disk.f_favail else None

    def sync(self) -> None:
        """Wait until the names of the folder's files are on disk."""
        os.fsync(self.use(make=False))

    def names(self) -> list[str]:
        """Return the names of all files in the folder, sorted; none if there is no folder."""
        try:
            folder = self.use(make=False)
            with self._listing:  # a descriptor has one place in its folder: two threads would take each other's names
                return sorted(os.listdir(folder))  # noqa: PTH208 - a descriptor is not a path
        except FileNotFoundError:
            return []

    def files(self) -> list[Place]:
        """Return all files, oldest segment first: in our folder, around and within it, and in earlier ones."""
        found = [Place(self, name) for name in self.names()]
        if self._inner:
            around = self._around = self._around or _Around(self.configured)
            found += [Place(around, name) for name in around.names()]
        else:  # if others could enter it before, our folder was one within it
            within = self._within = self._within or SpoolFolder(self.configured / own_name())
            with suppress(OSError):  # it belongs to another user
                found += [Place(within, name) for name in within.names()]
        for before in tuple(self._before):
            if not before.segments():  # drained
                self._before.remove(before)
                before.close()
            found += [Place(before, name) for name in before.names()]
        return sorted(found, key=lambda place: place.name)

    def segments(self) -> list[Place]:
        """Return the segments among the files."""
        return [place for place in self.files() if NAME.fullmatch(place.name)]

    @property
    def is_split(self) -> bool:
        """Whether records wait in a folder to which the path no longer leads."""
        return any(name.endswith(SUFFIX) for before in self._before for name in before.names())

    def close(self) -> None:
        """Close the folder, and the folders around it, within it and before it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)
        for other in (self._around, self._within, *self._before):
            if other is not None:
                other.close()
        self._before.clear()


class _Before(SpoolFolder):
    """A folder to which the path no longer leads."""

    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(path)
        self._descriptor = descriptor

    def use(self, *, make: bool) -> int:  # noqa: ARG002 - it is open
        """Return the folder's descriptor."""
        if self._descriptor is None:
            raise FileNotFoundError(errno.ENOENT, "it was closed")
        return self._descriptor


class _Around(SpoolFolder):
    """The folder around ours. Others can write to it, so only files that they could not have written count."""

    is_private = False

    def names(self) -> list[str]:
        """Return the names of the files that only we could have written, sorted."""
        try:
            return [name for name in super().names() if self._is_ours(name)]
        except PermissionError:  # we can pass through it, but not list it
            return []

    def open(self, name: str, flags: int) -> int:
        """Open a file that only we could have written."""
        descriptor = super().open(name, flags)
        if not _is_trusted(os.fstat(descriptor)):
            os.close(descriptor)
            raise OSError(errno.EPERM, "others could have written it")
        return descriptor

    def _is_ours(self, name: str) -> bool:
        try:
            return _is_trusted(os.stat(name, dir_fd=self.use(make=False), follow_symlinks=False))
        except FileNotFoundError:
            return False

    def use(self, *, make: bool) -> int:  # noqa: ARG002 - it exists: ours is in it
        """Return a descriptor of the folder, even if another user owns it."""
        if self._descriptor is None:
            self._descriptor = os.open(self.configured, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._descriptor


def own_name() -> str:
    """Return the name of our folder in a folder that is not private."""
    return f"receiver-{os.geteuid()}"


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _is_trusted(status: os.stat_result) -> bool:
    """Return whether a file is ours, only we can write to it, and it has no second name."""
    is_alone = status.st_nlink == 1 and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid() and is_alone


def _is_private(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
