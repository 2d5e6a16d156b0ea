"""Private files: open them without following links and without waiting, and replace them whole.

Another user's folder can hold a link to any file of the machine, or a pipe without a writer. So a folder is opened
first, and its files are opened below its descriptor. Every function here raises OSError with a `strerror` for a person.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@contextmanager
def opened_folder(path: str | Path, *, owner: int | None = None, within: int | None = None) -> Iterator[int]:
    """Yield the descriptor of a folder.

    Args:
        path: the folder's path.
        owner: the uid that must own the folder; None for any.
        within: the descriptor of the folder from which a relative `path` starts.
    """
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | SAFELY, dir_fd=within)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENOTDIR):
            raise NotADirectoryError(errno.ENOTDIR, "it is a link, or not a folder", str(path)) from exc
        raise
    try:
        if owner is not None and os.fstat(folder).st_uid != owner:
            raise PermissionError(errno.EPERM, "it belongs to another user", str(path))
        yield folder
    finally:
        os.close(folder)


def open_file(folder: int, name: str, flags: int, *, owner: int) -> int:
    """Return the descriptor of a regular file that `owner` (a uid) or we own. O_CREAT creates a missing file, 0600."""
    if flags & os.O_CREAT:
        with suppress(FileExistsError):
            made = os.open(name, flags | os.O_EXCL | SAFELY, 0o600, dir_fd=folder)
            try:
                if owner != os.geteuid():
                    os.fchown(made, owner, -1)
            except BaseException:  # for example on a file system without owners
                os.close(made)
                raise
            return made
    try:
        found = os.open(name, (flags & ~os.O_CREAT) | SAFELY, dir_fd=folder)
    except OSError as exc:
        if exc.errno in (errno.ELOOP, errno.ENXIO):  # a link; a pipe without a reader
            raise _not_ours(name) from exc
        raise
    status = os.fstat(found)
    # In another user's folder, a file of ours with two names can be a hard link to any file of ours.
    ours = status.st_uid == owner or (status.st_uid == os.geteuid() and status.st_nlink == 1)
    if not stat.S_ISREG(status.st_mode) or not ours:
        os.close(found)
        raise _not_ours(name)
    return found


def read(folder: int, name: str, *, owner: int, most: int = -1) -> bytes:
    """Return the content of a file, at most `most` bytes."""
    with os.fdopen(open_file(folder, name, os.O_RDONLY, owner=owner), "rb") as file:
        return file.read(most)


def replace(folder: int, name: str, content: bytes) -> None:
    """Replace a file by a new one, 0600, and return when the new file is on disk. Until then the old file is whole."""
    new = f"{name}.{secrets.token_hex(4)}"
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFELY, 0o600, dir_fd=folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(new, dir_fd=folder)
        raise
    os.fsync(folder)


def _not_ours(name: str) -> OSError:
    return OSError(errno.EINVAL, "it is a link, not a file, or another user's", name)
