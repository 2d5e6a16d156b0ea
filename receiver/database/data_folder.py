"""Where the embedded server's data lies, and as whom it runs."""

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
    """As whom the server runs."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A data folder that `user` owns; mode 0700.

    As root we do not own it: so what lies in it is opened below its descriptor, and nothing through a link.
    """

    path: Path
    user: User

    @contextmanager
    def opened(self) -> Iterator[int]:
        """Yield its descriptor."""
        with private.opened_folder(self.path, owner=self.user.uid) as folder:
            yield folder

    def open_file(self, name: str, flags: int) -> int:
        """Return the descriptor of a file in it; with O_CREAT one is made.

        Raises:
            OSError: it cannot be opened, or may be any file of the machine.
        """
        with self.opened() as folder:
            try:
                return private.open_file(folder, name, flags, owner=self.user.uid)
            except OSError as exc:
                exc.filename = str(self.path / name)
                raise


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


def check_user(user: User) -> None:
    """See whether a database can be made for the server's user.

    Raises:
        EmbeddedError: it cannot.
    """
    try:
        name = pwd.getpwuid(user.uid).pw_name
    except KeyError as exc:
        raise EmbeddedError(
            f"PostgreSQL makes no database for a user without a name, and uid {user.uid} has none: "
            f"set DATABASE_URL to a database of yours, or add a line for it to /etc/passwd"
        ) from exc
    if name == "nobody" and os.geteuid() == 0:
        log.warning(
            "there is no user postgres, so PostgreSQL runs as nobody: whatever else runs as nobody here can read and "
            "change this data. To keep it out, add a user postgres and begin with a new folder, or set DATABASE_URL"
        )


def reachable(path: Path, user: User) -> bool:
    """Whether `user` may enter `path` (a folder) through all its ancestors, by their modes."""
    return all(may(part, user, "X") for part in (path, *path.parents))


def may(folder: Path, user: User, what: str) -> bool:
    """Whether `user` may enter (`X`) a folder, or write to it (`W`), by its mode."""
    status = folder.stat()
    whose = "USR" if status.st_uid == user.uid else "GRP" if status.st_gid == user.gid else "OTH"
    return bool(status.st_mode & getattr(stat, f"S_I{what}{whose}"))


def locate(configured: Path) -> DataFolder:
    """Return where the data of a configured folder lies; makes nothing.

    As root, with a folder that the unprivileged server could not reach, that is a folder of its own in /var/lib.

    Raises:
        EmbeddedError: there is nobody to run the server, or no working folder.
    """
    path, user = _absolute(configured), server_user()
    if os.geteuid() == 0:
        parent = next((p for p in path.parents if _is_there(p)), path)
        if not reachable(Path(os.path.realpath(parent)), user):
            name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
            path = STATE_DIR / f"data-{name}"
        elif _is_there(path) and path.stat().st_uid != 0:
            user = User(path.stat().st_uid, path.stat().st_gid)
    return DataFolder(Path(os.path.realpath(path)), user)  # unlike resolve(), says nothing of links in a circle


def describe(configured: Path) -> str:
    """Return in words which database is used where no `DATABASE_URL` is set."""
    return f"embedded, in {locate(configured).path}"


def _absolute(configured: Path) -> Path:
    try:
        return configured.absolute()
    except FileNotFoundError as exc:
        raise EmbeddedError("the working folder is there no more: go to another, or set RECEIVER_DATA_DIR") from exc


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - unlike Path.exists, it raises nothing where we may not look


def require(configured: Path) -> DataFolder:
    """Return the folder, which must hold a database.

    Raises:
        NoDataError: it holds none.
        EmbeddedError: it belongs to somebody else, or is damaged.
    """
    folder = locate(configured)
    if not has_database(folder):
        raise NoDataError(f"no data here ({folder.path}); run `receiver up`, or set RECEIVER_DATA_DIR or DATABASE_URL")
    owner = folder.path.stat().st_uid
    if owner != folder.user.uid:
        raise _foreign(folder, owner)
    return folder


def has_database(folder: DataFolder) -> bool:
    """Whether a database was made in a folder; raises as `version` does."""
    return version(folder) is not None


def version(folder: DataFolder) -> str | None:
    """Return which PostgreSQL made the database in a folder (`18`); None where there is no database.

    Raises:
        EmbeddedError: it is somebody else's, or damaged.
    """
    where = folder.path / "postgres"
    if os.geteuid() != 0:
        where = Path(os.path.realpath(where))  # a link of our own, perhaps to another disk
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
    said = VERSION.fullmatch(found)
    if said is None:
        raise EmbeddedError(
            f"{where / 'PG_VERSION'} names no version, so the database is damaged: "
            f"put a copy of it in its place, or set RECEIVER_DATA_DIR to a new folder"
        )
    return said[1].decode()


def prepare(configured: Path) -> DataFolder:
    """Make the folder, 0700 and owned by the server's user.

    Raises:
        EmbeddedError: the folder cannot be made or belongs to somebody else.
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
    """Make the folders above a path that are not there: ours alone, or such that root's servers may pass through."""
    for parent in reversed([p for p in path.parents if not _is_there(p)]):
        with suppress(FileExistsError):
            parent.mkdir(mode=0o700)
            if os.geteuid() == 0:
                with private.opened_folder(parent, owner=0) as made:
                    os.fchmod(made, 0o755)  # whatever the umask


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
    """Return what to say of a folder that cannot be used; that it is somebody else's only where it is."""
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
            f"{folder.path} is root's and not empty, so it is not given to PostgreSQL's user: "
            f"set RECEIVER_DATA_DIR to a new folder, such as {folder.path / 'receiver'}"
        )
    return EmbeddedError(f"{folder.path} belongs to another user: set RECEIVER_DATA_DIR to a folder of your own")
