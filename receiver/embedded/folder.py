"""Where the embedded server's data lies, and as whom it runs."""

import hashlib
import logging
import os
import pwd
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from receiver.errors import EmbeddedError, NoDataError

log = logging.getLogger(__name__)

STATE_DIR = Path("/var/lib/receiver")
UNPRIVILEGED = ("postgres", "nobody")
SOCKET_PATH_LIMIT = 100


@dataclass(frozen=True, slots=True)
class User:
    """As whom the server runs."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Folder:
    """A data folder that `user` owns; mode 0700."""

    path: Path
    user: User

    @property
    def socket_dir(self) -> Path:
        """Where the server's socket lies: in the folder, or under the temporary one where that path is too long."""
        if len(os.fsencode(self.path / ".s.PGSQL.5432")) < SOCKET_PATH_LIMIT:
            return self.path
        name = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()).resolve() / f"receiver-{self.user.uid}-{name}"


def server_user() -> User:
    """Return ourselves, or as root an unprivileged user that exists already.

    Raises:
        EmbeddedError: we are root and there is no such user.
    """
    if os.geteuid() != 0:
        return User(os.geteuid(), os.getegid())
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return User(entry.pw_uid, entry.pw_gid)
    raise EmbeddedError("PostgreSQL does not run as root and there is no user postgres or nobody: set DATABASE_URL")


def reachable(path: Path, user: User) -> bool:
    """Whether `user` may enter `path` (a folder) through all its ancestors, by their modes."""
    return all(_may_enter(part.stat(), user) for part in (path, *path.parents))


def _may_enter(status: os.stat_result, user: User) -> bool:
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    return bool(status.st_mode & (stat.S_IXGRP if status.st_gid == user.gid else stat.S_IXOTH))


def locate(configured: Path) -> Folder:
    """Return where the data of a configured folder lies; makes nothing.

    As root, with a folder that the unprivileged server could not reach, that is a folder of its own in /var/lib.
    """
    path = configured.absolute()
    user = server_user()
    if os.geteuid() == 0:
        parent = next((p for p in path.parents if p.exists()), path)
        if not reachable(parent.resolve(), user):
            name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
            path = STATE_DIR / f"data-{name}"
        elif path.exists() and path.stat().st_uid != 0:
            user = User(path.stat().st_uid, path.stat().st_gid)
    return Folder(path.resolve(), user)


def require(configured: Path) -> Folder:
    """Return the folder, which must hold a database.

    Raises:
        NoDataError: it holds none.
        EmbeddedError: it belongs to somebody else.
    """
    folder = locate(configured)
    try:
        there = has_database(folder)
    except PermissionError as exc:
        raise _not_ours(folder) from exc
    if not there:
        raise NoDataError(f"no data here ({folder.path}); run `receiver up`, or set RECEIVER_DATA_DIR or DATABASE_URL")
    _own(folder.socket_dir, folder.user)
    return folder


def has_database(folder: Folder) -> bool:
    """Whether a database was made in a folder.

    Raises:
        PermissionError: it is somebody else's.
    """
    try:
        (folder.path / "postgres" / "PG_VERSION").stat()
    except PermissionError:
        raise
    except OSError:
        return False
    return True


def prepare(configured: Path) -> Folder:
    """Make the folder and its socket's folder, 0700 and owned by the server's user.

    Raises:
        EmbeddedError: the folder cannot be made or belongs to somebody else.
    """
    folder = locate(configured)
    if folder.path != configured.absolute().resolve():
        log.warning("%s cannot be reached by PostgreSQL's user; the data is in %s", configured.absolute(), folder.path)
    try:
        for path in dict.fromkeys((folder.path, folder.socket_dir)):
            _own(path, folder.user)
    except PermissionError as exc:
        raise _not_ours(folder) from exc
    except OSError as exc:
        raise EmbeddedError(f"{exc.filename} cannot be made ({exc.strerror}): set RECEIVER_DATA_DIR") from exc
    return folder


def _own(path: Path, user: User) -> None:
    if path.parent == STATE_DIR:
        STATE_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if os.geteuid() == 0 and path.lstat().st_uid == 0 and not any(path.iterdir()):
            os.chown(path, user.uid, user.gid)
    else:
        if os.geteuid() == 0:
            os.chown(path, user.uid, user.gid)
    status = path.lstat()  # not stat(): in a shared temporary folder the name may be somebody's trap
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != user.uid:
        raise EmbeddedError(f"{path} belongs to another user: set RECEIVER_DATA_DIR to a folder of your own")
    if stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
        path.chmod(0o700)


def _not_ours(folder: Folder) -> EmbeddedError:
    return EmbeddedError(f"{folder.path} belongs to another user: set RECEIVER_DATA_DIR to a folder of your own")
