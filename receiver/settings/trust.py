"""Check who owns the files that decide what we run and connect to: only our user or root, and not writable for all.

Code imported from a folder may also belong to the owner of that folder, unless every user can write there. The person
who starts us in a folder trusts it: for instance root, in a container with a user's checkout mounted.

These checks are needed because every user who can write to a shared folder can put a file or a link there for us.
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
    """A module in the working directory must not be run."""


def why_not(mode: int, owners: Collection[int], *, trusted: Collection[int], otherwise: str = "") -> str | None:
    """Return why a file or folder must not be trusted; None if it can be trusted.

    Args:
        mode: its mode.
        owners: the uids of its owner and of the owner of a link to it.
        trusted: the uids that we trust.
        otherwise: what a person can do instead of a chown.
    """
    others = sorted({*owners} - {*trusted})
    if others:
        return f"belongs to another user (uid {others[0]}): chown it{otherwise}"
    if mode & stat.S_IWOTH:
        return "can be changed by every user: run `chmod o-w` on it"
    return None


def trusted() -> set[int]:
    """Return the uids that we trust: our own, root's, and under sudo the caller's."""
    caller = os.environ.get("SUDO_UID", "")
    return {0, os.geteuid()} | ({int(caller)} if os.geteuid() == 0 and caller.isdecimal() else set())


class Guard:
    """A finder of modules that finds nothing, but refuses modules in a folder that must not be run.

    It comes before all other finders. The folder's owner is trusted, unless every user can write to the folder. Our own
    package and our virtual environment might be in the folder too. They already run, so they are not checked.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        status = folder.stat()
        self._trusted = trusted() | (set() if status.st_mode & stat.S_IWOTH else {status.st_uid})

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find nothing.

        Raises:
            DistrustedError: another user owns the module's file, folder or compiled file, or all users can change it.
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
        return not any(place.is_relative_to(folder) for folder in running if folder != self._folder)


def _places(spec: ModuleSpec) -> Iterator[Path]:
    """Yield the files and folders that decide what a module is, a package's folders first."""
    yield from map(Path, spec.submodule_search_locations or ())
    if spec.origin is not None and spec.has_location:
        yield Path(spec.origin)
    if spec.cached is not None:
        yield Path(spec.cached).parent
        yield Path(spec.cached)
