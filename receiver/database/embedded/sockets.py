"""Choose the folder of the server's socket, and find it again.

The socket is in the data folder, if PostgreSQL and its clients can use that folder's name. Otherwise it is in a new
temporary folder. The keeper notes that folder in the data folder, because a user's temporary folder can differ.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode

from receiver.database import private
from receiver.database.data_folder import DataFolder, User, allows, reachable
from receiver.database.embedded.keeper import NOTE
from receiver.errors import EmbeddedError

PATH_LIMIT = 100
NOTE_BYTES = 4096


def url(place: Path) -> str:
    """Return the connection URL of a server with its socket in a folder.

    The URL sets every parameter that a `PG…` variable, which is meant for a remote server, would fill in otherwise.
    """
    parameters = {"host": os.fsencode(place), "port": 5432, "sslmode": "disable", "target_session_attrs": "any"}
    parameters |= dict.fromkeys(("hostaddr", "options", "service"), "")
    return f"postgresql://receiver@/postgres?{urlencode(parameters, quote_via=quote)}"


def can_hold(path: Path) -> bool:
    """Return whether PostgreSQL and its clients can use a socket in a folder of this name.

    The server's setting and the client's are lists: they are split at commas, and lose blanks at the ends. The client's
    must be UTF-8. Quotes, backslashes, `%`, `:` and `;` have no special meaning. A socket's path must be short.
    """
    name = str(path)
    plain = "," not in name and name == name.rstrip() and name.isprintable()
    return plain and len(os.fsencode(path / ".s.PGSQL.5432")) < PATH_LIMIT


def choose(path: Path, temporary: Sequence[Path]) -> Path:
    """Return the data folder if it can hold a socket, or else a new name in the first usable temporary folder.

    Raises:
        EmbeddedError: no folder can hold a socket.
    """
    new = f"receiver-{secrets.token_hex(8)}"  # random, so that no other user can have created it before us
    for place in (path, *(folder / new for folder in temporary)):
        if can_hold(place):
            return place
    raise EmbeddedError(
        f"{path} is too long for a socket's path, or has a comma or the like in it, and there is no temporary folder "
        f"with a short path that PostgreSQL's user can write to: set RECEIVER_DATA_DIR to a short path, or TMPDIR"
    )


def place(folder: DataFolder) -> Path:
    """Return the folder for the socket of a server that is started now; the earlier server's folder, if possible.

    Raises:
        EmbeddedError: no folder can hold a socket.
    """
    earlier = None if can_hold(folder.path) else noted(folder)
    if earlier is not None and can_hold(earlier) and is_seen(earlier, folder):
        return earlier
    return choose(folder.path, _temporary(folder.user))


def noted(folder: DataFolder) -> Path | None:
    """Return the socket's folder that the keeper has noted; None without a note."""
    try:
        with folder.opened() as opened:
            return Path(os.fsdecode(private.read(opened, NOTE, owner=folder.user.uid, most=NOTE_BYTES)))
    except OSError:
        return None


def is_seen(place: Path, folder: DataFolder) -> bool:
    """Return whether a noted folder exists and is private to the server's user. Otherwise the note is old or a trap."""
    if place == folder.path:
        return True
    try:
        status = place.lstat()
    except (OSError, ValueError):  # no such folder; an impossible name
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == folder.user.uid and not status.st_mode & 0o077


def _temporary(user: User) -> list[Path]:
    """Return the temporary folders in which `user` can create a folder."""
    configured: list[Path] = []
    with suppress(FileNotFoundError):  # there is no writable temporary folder
        configured.append(Path(os.path.realpath(tempfile.gettempdir())))
    found = dict.fromkeys((*configured, Path("/tmp")))  # noqa: S108 - only a folder with a random name is created there
    return [folder for folder in found if _may_make_in(folder, user)]


def _may_make_in(folder: Path, user: User) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK):  # also refuses a read-only file system, which binds even root
        return False
    return os.geteuid() == user.uid or (reachable(folder, user) and allows(folder, user, "W"))
