"""The embedded server's data folder, and the user that runs the server."""

import hashlib
import logging
import os
import pwd
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from receiver.database import private
from receiver.errors import EmbeddedError, NoDataError

log = logging.getLogger(__name__)

STATE_DIR = Path("/var/lib/receiver")
UNPRIVILEGED = ("postgres", "nobody")
VERSION = re.compile(rb"(\d{1,3}(\.\d{1,3})?)\n?")


@dataclass(frozen=True, slots=True)
class User:
    """The system user that runs the server."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A data folder that `user` owns; mode 0700.

    If we are root, the folder belongs to another user. So files in it are opened below its descriptor, and never
    through a link.
    """

    path: Path
    user: User

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Yield the folder's descriptor."""
        with private.opened_folder(self.path, owner=self.user.uid) as folder:
            yield folder

    def open_file(self, name: str, flags: int) -> int:
        """Return the descriptor of a file in the folder; O_CREAT creates a missing file.

        Raises:
            OSError: the file cannot be opened, or might be a link to another file of the machine.
        """
        with self.opened() as folder:
            try:
                return private.open_file(folder, name, flags, owner=self.user.uid)
            except OSError as exc:
                exc.filename = str(self.path / name)
                raise


def server_user() -> User:
    """Return our own user, or for root an existing unprivileged user.

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


def check_user(user: User) -> None:
    """Refuse a user without a name, for whom PostgreSQL cannot make a database; warn about `nobody`.

    Raises:
        EmbeddedError: the user has no name.
    """
    try:
        name = pwd.getpwuid(user.uid).pw_name
    except KeyError as exc:
        raise EmbeddedError(
            f"PostgreSQL cannot make a database for a user without a name, and uid {user.uid} has no name: "
            f"set DATABASE_URL to your own database, or add a line for this uid to /etc/passwd"
        ) from exc
    if name == "nobody" and os.geteuid() == 0:
        log.warning(
            "there is no user postgres, so PostgreSQL runs as nobody: other programs that run as nobody can read and "
            "change this data. To prevent that, add a user postgres and begin with a new folder, or set DATABASE_URL"
        )


def reachable(path: Path, user: User) -> bool:
    """Return whether the modes of a folder and all its ancestors let `user` enter."""
    return all(allows(part, user, "X") for part in (path, *path.parents))


def allows(folder: Path, user: User, what: str) -> bool:
    """Return whether a folder's mode lets `user` enter (`X`) the folder, or write to it (`W`)."""
    status = folder.stat()
    who = "USR" if status.st_uid == user.uid else "GRP" if status.st_gid == user.gid else "OTH"
    return bool(status.st_mode & getattr(stat, f"S_I{what}{who}"))


def locate(configured: Path) -> DataFolder:
    """Return the data folder for a configured path, without creating it.

    If we are root and the unprivileged server could not reach the path, the data is in a folder below /var/lib instead.

    Raises:
        EmbeddedError: no user can run the server, or the working folder is gone.
    """
    path, user = _absolute(configured), server_user()
    if os.geteuid() == 0:
        parent = next((p for p in path.parents if _exists(p)), path)
        if not reachable(Path(os.path.realpath(parent)), user):
            name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
            path = STATE_DIR / f"data-{name}"
        elif _exists(path) and path.stat().st_uid != 0:
            user = User(path.stat().st_uid, path.stat().st_gid)
    return DataFolder(Path(os.path.realpath(path)), user)  # resolve() would raise at circular links


def describe(configured: Path) -> str:
    """Describe the database that is used without a `DATABASE_URL`."""
    return f"embedded, in {locate(configured).path}"


def _absolute(configured: Path) -> Path:
    try:
        return configured.absolute()
    except FileNotFoundError as exc:
        raise EmbeddedError(
            "the working folder does not exist any more: change to another folder, or set RECEIVER_DATA_DIR"
        ) from exc


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises if we have no right to look


def require(configured: Path) -> DataFolder:
    """Return the data folder; refuse a folder without a database.

    Raises:
        NoDataError: the folder has no database.
        EmbeddedError: the folder belongs to another user, or is damaged.
    """
    folder = locate(configured)
    if version(folder) is None:
        raise NoDataError(f"no data here ({folder.path}); run `receiver up`, or set RECEIVER_DATA_DIR or DATABASE_URL")
    owner = folder.path.stat().st_uid
    if owner != folder.user.uid:
        raise _foreign(folder, owner)
    return folder


def version(folder: DataFolder) -> str | None:
    """Return the version (`18`) of the PostgreSQL that made the database in a folder; None without a database.

    Raises:
        EmbeddedError: the folder belongs to another user, or is damaged.
    """
    where = folder.path / "postgres"
    if os.geteuid() != 0:
        where = Path(os.path.realpath(where))  # our own user can have made a link, for example to another disk
    found = b""
    try:
        with private.opened_folder(folder.path) as opened, private.opened_folder(where, within=opened) as data:
            if _is_empty(data):
                return None
            with suppress(OSError):
                found = private.read(data, "PG_VERSION", owner=os.fstat(opened).st_uid, most=16)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise unusable(folder, exc) from exc
    match = VERSION.fullmatch(found)
    if match is None:
        raise EmbeddedError(
            f"{where / 'PG_VERSION'} does not name a version, so the database is damaged: "
            f"restore the folder from a backup, or set RECEIVER_DATA_DIR to a new folder"
        )
    return match[1].decode()


def prepare(configured: Path) -> DataFolder:
    """Create the data folder if it is missing. It gets mode 0700 and belongs to the server's user.

    Raises:
        EmbeddedError: the folder cannot be created, or belongs to another user.
    """
    folder = locate(configured)
    if folder.path != Path(os.path.realpath(_absolute(configured))):
        log.warning("%s cannot be reached by PostgreSQL's user; the data is in %s", configured.absolute(), folder.path)
    try:
        make_parents(folder.path)
        with suppress(FileExistsError):
            folder.path.mkdir(mode=0o700)
        _own(folder)
    except OSError as exc:
        raise unusable(folder, exc) from exc
    return folder


def make_parents(path: Path) -> None:
    """Create the missing folders above a path: private ones, but root's are open for its unprivileged server."""
    for parent in reversed([p for p in path.parents if not _exists(p)]):
        with suppress(FileExistsError):
            parent.mkdir(mode=0o700)
            if os.geteuid() == 0:
                with private.opened_folder(parent, owner=0) as made:
                    os.fchmod(made, 0o755)  # chmod, because the umask does not change it


def _own(folder: DataFolder) -> None:
    with private.opened_folder(folder.path) as opened:
        status = os.fstat(opened)
        if os.geteuid() == 0 and status.st_uid == 0 and _is_empty(opened):
            os.fchown(opened, folder.user.uid, folder.user.gid)
        elif status.st_uid != folder.user.uid:
            raise _foreign(folder, status.st_uid)
        if stat.S_IMODE(status.st_mode) != stat.S_IRWXU:
            os.fchmod(opened, stat.S_IRWXU)


def _is_empty(folder: int) -> bool:
    with os.scandir(folder) as found:
        return not any(found)


def unusable(folder: DataFolder, error: OSError) -> EmbeddedError:
    """Return the error for an unusable folder. It names another owner only if there is one."""
    owner = None
    with suppress(OSError):
        owner = folder.path.lstat().st_uid
    if os.geteuid() != 0 and owner not in (None, folder.user.uid):
        return _foreign(folder, owner)
    where = folder.path / error.filename if isinstance(error.filename, str) else folder.path
    what = "made" if owner is None else "used"
    return EmbeddedError(f"{where} cannot be {what} ({error.strerror}): set RECEIVER_DATA_DIR to another folder")


def _foreign(folder: DataFolder, owner: int | None) -> EmbeddedError:
    if owner == os.geteuid():
        return EmbeddedError(
            f"{folder.path} belongs to root and is not empty, so it is not given to PostgreSQL's user: "
            f"set RECEIVER_DATA_DIR to a new folder, such as {folder.path / 'receiver'}"
        )
    return EmbeddedError(f"{folder.path} belongs to another user: set RECEIVER_DATA_DIR to your own folder")
