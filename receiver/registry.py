"""Find the handlers: every public module of the packages that the operator named.

The working directory comes first on the path, so a checkout's own `handlers/` wins over the bundled one. Anything
that looks like a mistake refuses the start, in one sentence, because a handler that is silently missing loses work.
"""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType

from receiver.errors import HandlerLoadError
from receiver.handling import Handler

NOTHING_DECLARED = "declares no handler: decorate a function with @handler"


def load(packages: Sequence[str]) -> Mapping[str, Handler]:
    """Import the packages' modules and return their handlers by name.

    Raises:
        HandlerLoadError: a module fails to import or declares no handler, or two handlers share a name.
    """
    here = str(Path.cwd())
    if sys.path[:1] != [here]:
        sys.path.insert(0, here)
    found: dict[str, Handler] = {}
    origin: dict[str, str] = {}
    for module in _modules(packages):
        for handler in _handlers(module):
            if found.get(handler.name) is handler:
                continue  # imported from another of these modules
            if handler.name in found:
                raise HandlerLoadError(
                    f"two handlers are named {handler.name}: in {origin[handler.name]} and in {module.__name__}"
                )
            found[handler.name], origin[handler.name] = handler, module.__name__
    return MappingProxyType(dict(sorted(found.items())))


def interested(handlers: Iterable[Handler], event_type: str) -> list[str]:
    """Return the names of the handlers that want events of this type."""
    return [handler.name for handler in handlers if handler.wants(event_type)]


def _modules(packages: Sequence[str]) -> Iterator[ModuleType]:
    for package_name in packages:
        package = _imported(package_name)
        _refuse_overlooked(package)
        names = [info.name for info in pkgutil.iter_modules(getattr(package, "__path__", ()))]
        modules = [_imported(f"{package_name}.{name}") for name in sorted(names) if not name.startswith("_")]
        # A package may declare handlers itself; a module in it, or a lone module, must.
        if _handlers(package):
            yield package
        elif not modules:
            raise HandlerLoadError(f"{package_name} {NOTHING_DECLARED}")
        for module in modules:
            if not _handlers(module):
                raise HandlerLoadError(
                    f"{module.__name__} {NOTHING_DECLARED}, or start the file's name with an underscore"
                )
            yield module


def _refuse_overlooked(package: ModuleType) -> None:
    """Refuse a folder in the working directory that Python passed over because it is no regular package."""
    folder = Path.cwd() / package.__name__.replace(".", "/")
    taken = [Path(path).resolve() for path in getattr(package, "__path__", ())]
    if folder.is_dir() and folder.resolve() not in taken:
        raise HandlerLoadError(
            f"{folder} has no __init__.py, so {package.__name__} is taken from elsewhere: add an empty __init__.py"
        )


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except HandlerLoadError as exc:
        raise HandlerLoadError(f"{name}: {exc}") from exc
    except BaseException as exc:
        # A stranger's module may raise anything while it is imported, SystemExit included.
        if isinstance(exc, KeyboardInterrupt):
            raise
        raise HandlerLoadError(f"{name} cannot be imported: {type(exc).__name__}: {exc}") from exc


def _handlers(module: ModuleType) -> list[Handler]:
    return list(dict.fromkeys(value for value in vars(module).values() if isinstance(value, Handler)))
