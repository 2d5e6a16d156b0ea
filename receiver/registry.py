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


def load(packages: Sequence[str]) -> Mapping[str, Handler]:
    """Import the packages' modules and return their handlers by name.

    Raises:
        HandlerLoadError: a module fails to import or declares no handler, or two handlers share a name.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    found: dict[str, Handler] = {}
    origin: dict[str, str] = {}
    for module in _modules(packages):
        for handler in _declared(module):
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
        if not hasattr(package, "__path__"):
            yield package
            continue
        names = sorted(info.name for info in pkgutil.iter_modules(package.__path__) if not info.name.startswith("_"))
        if not names:
            raise HandlerLoadError(f"the package {package_name} holds no handler module")
        for name in names:
            yield _imported(f"{package_name}.{name}")


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


def _declared(module: ModuleType) -> list[Handler]:
    handlers = [value for value in vars(module).values() if isinstance(value, Handler)]
    own = [h for h in dict.fromkeys(handlers) if h.function.__module__ == module.__name__]
    if not own:
        raise HandlerLoadError(
            f"{module.__name__} declares no handler: decorate an async function with @handler, "
            f"or start the file's name with an underscore"
        )
    return own
