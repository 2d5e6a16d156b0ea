"""Whose files decide what we run and what we connect to: our own and root's, and none that everybody may change.

What is imported from a folder may be its owner's too, unless everybody may change that: whoever starts there has chosen
it, as root does in a container that somebody's checkout is mounted into.

Whoever may write to a shared folder can put a file there for us to find, or a link.
"""

import os
import stat
import sys
from collections.abc import Collection, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from receiver.errors import HandlerLoadError

_OWN_PACKAGE = Path(__file__).parent.parent


class DistrustedError(HandlerLoadError, ImportError):
    """What would be imported from the working directory is not to be run."""


def why_not(mode: int, owners: Collection[int], *, trusted: Collection[int], otherwise: str = "") -> str | None:
    """Return why a file or folder is not to decide anything; None where it may.

    Args:
        mode: its own.
        owners: the uids of the owners, its own and that of a link to it.
        trusted: the uids whose files may.
        otherwise: what a person can do, other than to chown it.
    """
    strangers = sorted({*owners} - {*trusted})
    if strangers:
        return f"belongs to another user (uid {strangers[0]}): chown it{otherwise}"
    if mode & stat.S_IWOTH:
        return "can be changed by every user: run `chmod o-w` on it"
    return None


def trusted() -> set[int]:
    """Return whose files decide for us: our own and root's, and under sudo those of who called it."""
    caller = os.environ.get("SUDO_UID", "")
    return {0, os.geteuid()} | ({int(caller)} if os.geteuid() == 0 and caller.isdecimal() else set())


class Guard:
    """A finder that finds nothing, and refuses what others would find in a folder and must not be run.

    It comes before all finders. The folder's owner is trusted, unless everybody may write to it. Of what lies in it our
    own package and the environment that we run in are not looked at: they run already.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        its = folder.stat()
        self._trusted = trusted() | (set() if its.st_mode & stat.S_IWOTH else {its.st_uid})

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return nothing.

        Raises:
            DistrustedError: a module's file, its folder or its compiled form may be a stranger's.
        """
        spec = PathFinder.find_spec(name, path, target)
        for place in () if spec is None else _places(spec):
            if self._is_watched(place):
                found, link = place.stat(), place.lstat()
                why = why_not(found.st_mode, {found.st_uid, link.st_uid}, trusted=self._trusted)
                if why is not None:
                    raise DistrustedError(f"{place} {why}")
        return None

    def _is_watched(self, place: Path) -> bool:
        running = (_OWN_PACKAGE, Path(sys.prefix), Path(sys.base_prefix))
        if not place.is_relative_to(self._folder) or not place.exists():
            return False
        return not any(place.is_relative_to(one) for one in running if one != self._folder)


def _places(spec: ModuleSpec) -> Iterator[Path]:
    """Yield what has a say in what a module is: packages' folders first, since the rest lies in them."""
    yield from map(Path, spec.submodule_search_locations or ())
    if spec.origin is not None and spec.has_location:
        yield Path(spec.origin)
    if spec.cached is not None:
        yield Path(spec.cached).parent
        yield Path(spec.cached)
