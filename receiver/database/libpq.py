"""Read libpq's files: the service files that complete a URL, and the permissions of the password file."""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from receiver.errors import ConfigError

SYSTEM = "/etc/postgresql-common"  # libpq's system folder in Debian and systems based on it


def service(name: str, file: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of the service `name` from `file`; without `file` from the user's file or the system's.

    Raises:
        ConfigError: no file has the service, or a line of the service is wrong.
    """
    folder = Path(environment.get("PGSYSCONFDIR") or SYSTEM)
    places = [Path(file)] if file else [folder / "pg_service.conf"]
    if not file:
        with suppress(RuntimeError):  # the user has no home
            places.insert(0, Path.home() / ".pg_service.conf")
    for place in places:
        try:
            lines = place.read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError) as exc:
            if file:
                why = exc.strerror if isinstance(exc, OSError) else "it is not text"
                raise ConfigError(f"the service {name}: {place} cannot be read ({why})") from exc
            continue
        if (found := _section(lines, name, place)) is not None:
            return found
    listed = " or ".join(map(str, places))
    raise ConfigError(f"the service {name} is not in {listed}: check service= in DATABASE_URL, and PGSERVICE")


def _section(lines: list[str], name: str, place: Path) -> dict[str, str] | None:
    found: dict[str, str] | None = None
    for number, line in enumerate(map(str.strip, lines), 1):
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            if found is not None:
                break
            found = {} if line == f"[{name}]" else None
        elif found is not None:
            key, separator, value = map(str.strip, line.partition("="))
            if not separator or key in ("service", "servicefile"):
                message = f"line {number} of {place} must be NAME=VALUE, and must not name another service"
                raise ConfigError(f"the service {name}: {message}")
            found[key] = value
    return found


def why_password_file_unread(file: str) -> str | None:
    """Return in one line why asyncpg does not read the password file; None if it reads the file, or there is none."""
    with suppress(OSError, RuntimeError, ValueError):
        path = Path(file) if file else Path.home() / ".pgpass"
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            return f"{path} is not a file"
        if mode & (stat.S_IRWXG | stat.S_IRWXO):
            return f"{path} is ignored, because other users have rights on it: run chmod 600 on it"
        if not os.access(path, os.R_OK):
            return f"{path} cannot be read"
    return None
