"""Add variables to `.env`, so that `environment` reads them back as they were given. What is there stays as it is."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from receiver.errors import ImpossibleError

MODE = 0o600  # it can hold secrets

_HEAD = (
    "# Every command of receiver that is started in this folder reads this file. The environment takes precedence.\n"
)
_COMMENT = re.compile(r"\s#")


def add(path: Path, given: Mapping[str, str], *, unset: Sequence[str] = ()) -> bool:
    """Add lines for the `given` variables, and make the file one for its owner alone. Return whether it was changed.

    A file that is not there is made, with a comment for each variable of `unset`.

    Raises:
        ImpossibleError: a value cannot stand in such a file, or the file cannot be written. The message shows no value.
    """
    for name, value in given.items():
        if _COMMENT.search(value):
            raise ImpossibleError(f"{name} cannot stand in {path}: what follows a blank and a # would be a comment")
    lines = "".join(f"{name}={value}\n" for name, value in given.items())
    try:
        if not path.exists():
            _write(path, _HEAD + lines + "".join(f"# {name}=\n" for name in unset), os.O_CREAT | os.O_EXCL)
        elif lines:
            before = path.read_bytes()
            _write(path, lines if before.endswith(b"\n") or not before else f"\n{lines}", os.O_APPEND)
        else:
            return False
    except OSError as exc:
        raise ImpossibleError(f"{path} cannot be written ({exc.strerror})") from exc
    return True


def _write(path: Path, text: str, flags: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, MODE), "wb") as file:
        os.fchmod(file.fileno(), MODE)  # before there is a secret in it
        file.write(text.encode())
