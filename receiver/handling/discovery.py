"""Find the handlers in every public module of the packages that the operator named.

While we load handlers, Python looks for modules in the working directory first, right after the standard library. Later
it looks there last, for example when a library imports something. A module in the working directory is imported only if
its files can be trusted (`settings.trust`). If the operator named no package, `handlers/` (or `handlers.py`) in the
working directory is used, or else the bundled package. The ready-made handlers are always searched too. A handler that
needs a variable is left out where the variable is not set.

A handler that we overlooked would get no jobs, and its work would be lost. So every possible mistake stops the start,
and the message has one sentence for each mistake.
"""

import importlib
import importlib.util
import logging
import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from sysconfig import get_path
from types import MappingProxyType, ModuleType
from typing import Any, NamedTuple

from receiver.errors import HandlerLoadError, ImpossibleError
from receiver.handling import made
from receiver.handling.api import Handler
from receiver.inbox.jobs import SUBMISSIONS
from receiver.logs.reasons import describe, place
from receiver.settings import Settings, said
from receiver.settings.trust import Guard

log = logging.getLogger(__name__)

OWN = "handlers"
BUNDLED = "receiver.bundled"
READY = f"{BUNDLED}.ready"
NOTHING_DECLARED = "declares no handler: decorate a function with @handler"


class Found(NamedTuple):
    """The handlers by name, and those that are left out because the variable that each needs is not set."""

    handlers: Mapping[str, Handler]
    left_out: tuple[Handler, ...]


def load(configured: Settings, *, quiet: bool = False) -> Mapping[str, Handler]:
    """Return the handlers by name.

    Raises:
        HandlerLoadError: see `find`.
    """
    return find(configured, quiet=quiet).handlers


def find(configured: Settings, *, quiet: bool = False) -> Found:
    """Import the modules of `RECEIVER_HANDLERS` and return their handlers.

    If it is empty, load the working directory's own handlers, or else the bundled ones. Unless `quiet`, a line says
    that the bundled ones are used.

    Raises:
        HandlerLoadError: there are mistakes, such as a module that fails to import or declares no handler, or two
            handlers with one name. The message lists all mistakes.
    """
    here = Path.cwd()  # read once, because a module might change the working directory
    search = _Search(configured.handlers or _default(here, quiet=quiet), here)
    found: dict[str, Handler] = {}
    origin: dict[str, str] = {}
    left_out: dict[int, Handler] = {}
    modules = []
    with _first(here), said.found_for(configured):
        for module in search.modules():
            modules.append(module)
            for handler in _handlers(module):
                if found.get(handler.name) is handler:
                    continue  # this module has imported it from another one of these
                if not search.has_what_it_needs(handler, configured):
                    left_out[id(handler)] = handler
                    continue
                if handler.name == SUBMISSIONS:
                    search.report(
                        f"{SUBMISSIONS} is the name of our own work: call the one in {module.__name__} another"
                    )
                    continue
                if handler.name in found:
                    places = f"in {origin[handler.name]} and in {module.__name__}"
                    search.report(f"two handlers are named {handler.name}: {places}")
                    continue
                found[handler.name], origin[handler.name] = handler, module.__name__
    search.report_nameless(modules)
    if search.mistakes:
        raise HandlerLoadError("; ".join(search.mistakes)) from search.cause
    return Found(MappingProxyType(dict(sorted(found.items()))), tuple(left_out.values()))


def interested(handlers: Iterable[Handler], event_type: str, source: str) -> list[str]:
    """Return the names of the handlers that want events of this type from this source."""
    return [handler.name for handler in handlers if handler.wants(event_type, source)]


def with_own(handlers: Iterable[str]) -> list[str]:
    """Return the names that the handlers of jobs can have: these, and that of our own work."""
    return [*handlers, SUBMISSIONS]


def no_such(name: str, known: Iterable[str]) -> str:
    """Return the sentence about a name that no handler has."""
    return f"there is no handler {name}; there are {', '.join(known) or 'none'}"


def to_json(handler: Handler) -> dict[str, Any]:
    """Return the fields of a handler that `handlers --json` prints."""
    return {
        "name": handler.name, "patterns": list(handler.patterns), "sources": handler.sources,
        "needs": handler.needs, "attempts": handler.retry.attempts, "timeout": handler.timeout,
        "module": handler.module, "file": handler.file,
    }  # fmt: skip


def shown_file(handler: Handler) -> str:
    """Return the path of a handler's file, relative to the working directory if the file is in it."""
    return _shown(handler.file)


def _shown(name: str) -> str:
    file = Path(name)
    return str(file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file)


def listed(handlers: Iterable[Handler]) -> str:
    """Return the names of handlers, each with its file, in one line."""
    return ", ".join(f"{handler.name} ({shown_file(handler)})" for handler in handlers)


@contextmanager
def _first(here: Path) -> Iterator[None]:
    """Look for modules in the working directory first, after the standard library. After the block, look there last."""
    sys.meta_path[:] = [Guard(here), *(finder for finder in sys.meta_path if not isinstance(finder, Guard))]
    standard = {get_path("stdlib"), get_path("platstdlib")}
    standard |= {str(Path(folder, "lib-dynload")) for folder in standard}
    entries = [entry for entry in sys.path if entry != str(here)]
    others = [entry for entry in entries if entry not in standard]
    sys.path[:] = [*(entry for entry in entries if entry in standard), str(here), *others]
    try:
        yield
    finally:  # entries that a module has added stay
        sys.path[:] = [*(entry for entry in sys.path if entry != str(here)), str(here)]


def _default(here: Path, *, quiet: bool) -> tuple[str, ...]:
    if (here / OWN).is_dir() or (here / f"{OWN}.py").is_file():
        return (OWN,)
    if not quiet:
        log.info(
            "there is no %s/ in %s: using the bundled handlers, %s; to use your own handlers, start in the folder that "
            "contains %s/, or set RECEIVER_HANDLERS", OWN, here, BUNDLED, OWN,
        )  # fmt: skip
    return (BUNDLED,)


class _Search:
    """One search for handlers. It continues after a mistake, to find all mistakes.

    Attributes:
        mistakes: a sentence for each mistake.
        cause: the first exception that led to a mistake.
    """

    def __init__(self, packages: Sequence[str], here: Path) -> None:
        self.mistakes: list[str] = []
        self.cause: BaseException | None = None
        self._packages = packages
        self._here = here
        self._seen: set[str] = set()
        self._ready = _folders(importlib.import_module(READY))

    def report(self, sentence: str, cause: BaseException | None = None) -> None:
        self.mistakes.append(sentence)
        self.cause = cause if self.cause is None else self.cause

    def modules(self) -> Iterator[ModuleType]:
        """Import the modules that can declare handlers. A file that has several names is imported once."""
        for name in (*self._packages, READY):
            package = self._imported(name)
            if package is None:
                continue
            here = self._here / name.replace(".", "/")
            if here.is_dir() and not (here / "__init__.py").exists() and here.resolve() not in _folders(package):
                self.report(
                    f"{here} has no __init__.py, so {name} is imported from elsewhere: add an empty __init__.py"
                )
                continue
            overlooked = self._report_overlooked(package)
            inside = {info.name for info in pkgutil.iter_modules(getattr(package, "__path__", ()))} - overlooked
            public = [f"{name}.{inner}" for inner in sorted(inside) if not inner.startswith("_")]
            # A package can declare handlers itself. Each public module in it must declare one. So must a single module.
            if _handlers(package):
                yield package
            elif not public and not overlooked and name != READY:
                self.report(f"{name} {NOTHING_DECLARED}")
            for inner in public:
                module = self._imported(inner)
                if module is None:
                    continue
                if not _handlers(module) and name != READY:  # one of these makes a handler for each of its settings
                    self.report(f"{inner} {NOTHING_DECLARED}, or start the file's name with an underscore")
                yield module

    def has_what_it_needs(self, handler: Handler, configured: Settings) -> bool:
        """Whether the variable that a handler needs is set."""
        try:
            return handler.needs is None or said.text(configured, handler.needs) is not None
        except ImpossibleError as exc:
            self.report(f"{handler.name}: {exc}", exc)
            return False

    def _imported(self, name: str) -> ModuleType | None:
        """Import a module; return None if it cannot be imported, or was imported under another name."""
        try:
            with redirect_stdout(sys.stderr):  # a module can print, but a program might read our stdout
                spec = importlib.util.find_spec(name)
                file = os.path.realpath(spec.origin) if spec is not None and spec.origin else name
                if file in self._seen:
                    return None
                self._seen.add(file)
                return importlib.import_module(name)
        except HandlerLoadError as exc:
            self.report(f"{name}: {exc}{place(exc, name)}", exc)
        except BaseException as exc:
            # A user's module can raise anything while it is imported, even SystemExit.
            if isinstance(exc, KeyboardInterrupt):
                raise
            self.report(f"{name} cannot be imported: {describe(exc, name)}", exc)
        return None

    def report_nameless(self, modules: Sequence[ModuleType]) -> None:
        """Report each handler that a module made and that no variable of a module holds."""
        named = {id(handler) for module in modules for handler in _handlers(module)}
        for module in modules:
            for note in made.noted(module):
                if id(note.handler) not in named:
                    self.report(
                        f"{module.__name__}: the handler {note.handler.name} ({_shown(note.file)} line {note.line}) "
                        "would get no jobs: no variable of the module holds it (any more); assign it to a variable of "
                        "its own"
                    )

    def _report_overlooked(self, package: ModuleType) -> set[str]:
        """Report files and folders of a package that would be ignored silently. Return its folders with modules."""
        name, overlooked = package.__name__, set()
        for path in sorted(entry for folder in _folders(package) if folder.is_dir() for entry in folder.iterdir()):
            if path.name.startswith(("_", ".")):
                continue
            if path.resolve() in self._ready:  # it is searched by its own name
                overlooked.add(path.name)
            elif path.is_dir() and _holds_modules(path):
                overlooked.add(path.name)
                if f"{name}.{path.name}" not in self._packages:
                    self.report(
                        f"{path} would not be searched: add {name}.{path.name} to RECEIVER_HANDLERS, or start the "
                        "folder's name with an underscore"
                    )
            elif path.suffix == ".py" and "." in path.stem:
                self.report(f"{path} would be ignored: a module's name must not contain a dot")
            elif path.suffix != ".py" and path.suffix.lower() == ".py":
                self.report(f"{path} would be ignored: a module's file must end in .py, not in {path.suffix}")
        return overlooked


def _folders(package: ModuleType) -> list[Path]:
    return [Path(path).resolve() for path in getattr(package, "__path__", ())]


def _holds_modules(folder: Path) -> bool:
    inside = (path.relative_to(folder).parts for path in folder.rglob("*.[pP][yY]"))
    return any(not any(part.startswith(("_", ".")) for part in parts) for parts in inside)


def _handlers(module: ModuleType) -> list[Handler]:
    # Handlers are compared by identity, because a handler's function can be an object without a hash.
    return list({id(value): value for value in vars(module).values() if isinstance(value, Handler)}.values())
