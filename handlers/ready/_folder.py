"""A folder in which each file appears whole, and never outside it.

Every folder below it is opened by its own descriptor, and no link is followed. A file is written beside its place,
under a hidden name, and takes its place only with `publish`. What a killed try of a job has left is removed by its next
try. Whoever may read the folder may read the files: they have its group and rights, whatever the umask says. A folder
that is not there is made for us alone.
"""

import errno
import hashlib
import os
import secrets
import shutil
import stat
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from receiver import GiveUp

MEGABYTE = 1024 * 1024
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MAKING = 0o1700  # the rights of a new folder until it has its own: a killed try may have left it so
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class _Written(NamedTuple):
    """A file that waits beside its place. `folder` is a descriptor; the names are in UTF-8."""

    folder: int
    hidden: bytes
    name: bytes


class Folder:
    """What one try of a job writes into a folder. `key` names the job. Paths are relative, with `/` in between."""

    def __init__(self, place: str, key: str) -> None:
        self._place = Path(place)
        self._mark = f".receiver-{hashlib.sha256(key.encode()).hexdigest()[:16]}-".encode()
        self._opened: dict[str, int] = {}
        self._mode, self._group = 0o700, -1  # those of the place, once it is open
        self._written: list[_Written] = []
        self._lock = threading.Lock()  # who gives a try up must not close what another thread is publishing

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not published."""
        with self._lock:
            while self._written:
                folder, hidden, _ = self._written.pop()
                with suppress(OSError):
                    os.unlink(hidden, dir_fd=folder)
            while self._opened:
                os.close(self._opened.popitem()[1])

    def has(self, path: str) -> bool:
        """Whether there is anything at a path, a link included."""
        above, _, name = path.rpartition("/")
        try:
            os.stat(name.encode(), dir_fd=self._folder(above, create=False), follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def put(self, path: str, content: bytes | Path) -> None:
        """Write a file, or copy one, beside its place.

        Raises:
            GiveUp: a link or a file is where a folder should be.
            OSError: it cannot be written.
        """
        above, _, name = path.rpartition("/")
        folder = self._folder(above, create=True)
        one = _Written(folder, self._mark + secrets.token_hex(4).encode(), name.encode())
        with os.fdopen(os.open(one.hidden, _NEW, 0o600, dir_fd=folder), "wb") as file:
            self._written.append(one)
            if isinstance(content, bytes):
                file.write(content)
            else:
                with content.open("rb") as source:
                    shutil.copyfileobj(source, file, MEGABYTE)
            file.flush()
            self._share(file.fileno(), self._mode & 0o666)
            os.fsync(file.fileno())

    def publish(self) -> None:
        """Let every file take its place, and what was there before disappear. This is durable."""
        with self._lock:
            while self._written:
                folder, hidden, name = self._written[-1]
                os.replace(hidden, name, src_dir_fd=folder, dst_dir_fd=folder)
                self._written.pop()
            for folder in self._opened.values():
                os.fsync(folder)

    def _folder(self, path: str, *, create: bool) -> int:
        """Return the descriptor of a folder. Without `create` it must be there."""
        if path not in self._opened:
            self._opened[path] = self._open(path, create=create)
            if create:
                self._tidy(self._opened[path])
        return self._opened[path]

    def _open(self, path: str, *, create: bool) -> int:
        if not path:
            if create:
                self._place.mkdir(0o700, parents=True, exist_ok=True)
            opened = os.open(self._place, _FOLDER)  # it can be a link: the operator has named it
            found = os.fstat(opened)
            self._mode, self._group = stat.S_IMODE(found.st_mode), found.st_gid
            return opened
        above, _, name = path.rpartition("/")
        parent = self._folder(above, create=create)
        if create:
            with suppress(FileExistsError):
                os.mkdir(name.encode(), _MAKING, dir_fd=parent)
        try:
            opened = os.open(name.encode(), _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
        except OSError as exc:
            if exc.errno not in (errno.ELOOP, errno.ENOTDIR):
                raise
            raise GiveUp(
                f"{self._place / path} is a link or a file, and nothing is written through it: move it, then replay"
            ) from exc
        if create and stat.S_IMODE(os.fstat(opened).st_mode) & 0o1777 == _MAKING:
            self._share(opened, self._mode)
        return opened

    def _share(self, opened: int, mode: int) -> None:
        """Give what we have made to those who may read the place, as far as the file system knows rights."""
        with suppress(OSError):  # only members of a group give files to it
            os.fchown(opened, -1, self._group)
        with suppress(OSError):
            os.fchmod(opened, mode)

    def _tidy(self, folder: int) -> None:
        for name in os.listdir(folder):
            if os.fsencode(name).startswith(self._mark):
                with suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
