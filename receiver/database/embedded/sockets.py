"""Where the server's socket lies, and how its users find it.

In the data folder, if that has a name in which PostgreSQL and its clients find one; else in a new temporary folder,
which the keeper writes down in the data folder, because the users' temporary folder may be another one.
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
from receiver.database.data_folder import DataFolder, User, may, reachable
from receiver.database.embedded.keeper import NOTE
from receiver.errors import EmbeddedError

PATH_LIMIT = 100
NOTE_BYTES = 4096


def url(place: Path) -> str:
    """Return the connection URL of a server whose socket lies in a folder.

    It says all that a variable meant for a server far away would fill in otherwise.
    """
    said = {"host": os.fsencode(place), "port": 5432, "sslmode": "disable", "target_session_attrs": "any"}
    said |= dict.fromkeys(("hostaddr", "options", "service"), "")
    return f"postgresql://receiver@/postgres?{urlencode(said, quote_via=quote)}"


def can_hold(path: Path) -> bool:
    """Whether PostgreSQL and its clients find a socket in a folder of this name.

    The server's setting is a list, split at commas, whose elements lose blanks at their ends; so is the client's, which
    must be UTF-8. Quotes, backslashes, `%`, `:` and `;` mean nothing to either. A socket's path is short.
    """
    name = str(path)
    plain = "," not in name and name == name.rstrip() and name.isprintable()
    return plain and len(os.fsencode(path / ".s.PGSQL.5432")) < PATH_LIMIT


def choose(path: Path, temporary: Sequence[Path]) -> Path:
    """Return the data folder itself where it can hold a socket, else a new name in the first temporary one that can.

    Raises:
        EmbeddedError: none can.
    """
    new = f"receiver-{secrets.token_hex(8)}"  # nobody can have made a folder of this name, to be in our way
    for place in (path, *(folder / new for folder in temporary)):
        if can_hold(place):
            return place
    raise EmbeddedError(
        f"{path} is too long for a socket's path, or has a comma or the like in it, and there is no temporary folder "
        f"with a short path that PostgreSQL's user may write to: set RECEIVER_DATA_DIR to a short path, or TMPDIR"
    )


def place(folder: DataFolder) -> Path:
    """Return where a server that is started now has its socket; an earlier one's place is kept.

    Raises:
        EmbeddedError: no folder can hold it.
    """
    earlier = None if can_hold(folder.path) else noted(folder)
    if earlier is not None and can_hold(earlier) and is_seen(earlier, folder):
        return earlier
    return choose(folder.path, _temporary(folder.user))


def noted(folder: DataFolder) -> Path | None:
    """Return where the keeper says that the socket is; None where none has said so."""
    try:
        with folder.opened() as opened:
            return Path(os.fsdecode(private.read(opened, NOTE, owner=folder.user.uid, most=NOTE_BYTES)))
    except OSError:
        return None


def is_seen(place: Path, folder: DataFolder) -> bool:
    """Whether a noted place is there for us, and is the server's user's alone: else it is old, or a trap."""
    if place == folder.path:
        return True
    try:
        status = place.lstat()
    except (OSError, ValueError):  # no such folder; a name that none can have
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == folder.user.uid and not status.st_mode & 0o077


def _temporary(user: User) -> list[Path]:
    """Return the temporary folders in which `user` may make one."""
    configured: list[Path] = []
    with suppress(FileNotFoundError):  # there is none that we may write to
        configured.append(Path(os.path.realpath(tempfile.gettempdir())))
    found = dict.fromkeys((*configured, Path("/tmp")))  # noqa: S108 - only a folder of a new name is made there
    return [folder for folder in found if _may_make_in(folder, user)]


def _may_make_in(folder: Path, user: User) -> bool:
    if not os.access(folder, os.W_OK | os.X_OK):  # also where it is read-only, for root too
        return False
    return os.geteuid() == user.uid or (reachable(folder, user) and may(folder, user, "W"))
