"""Add variables to `.env`, so that `environment` reads them back as they were given. What is there stays as it is."""

import errno
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from receiver.errors import ImpossibleError
from receiver.settings import environment, trust

MODE = 0o600  # it can hold secrets

_HEAD = (
    "# Every command of receiver that is started in this folder reads this file. The environment takes precedence.\n"
)
_COMMENT = re.compile(r"\s#")


def add(path: Path, given: Mapping[str, str], *, unset: Sequence[str] = ()) -> bool:
    """Add lines for the `given` variables, and make the file one for its owner alone. Return whether it was changed.

    A file that is not there is made, with a comment for each variable of `unset`.

    Raises:
        ImpossibleError: a value cannot stand in such a file, or the file cannot be written, or must not be trusted. The
            message shows no value.
    """
    for name, value in given.items():
        if _COMMENT.search(value):
            raise ImpossibleError(f"{name} cannot stand in {path}: what follows a blank and a # would be a comment")
    lines = "".join(f"{name}={value}\n" for name, value in given.items())
    try:
        if not os.path.lexists(path):
            _write(path, _HEAD + lines + "".join(f"# {name}=\n" for name in unset), os.O_CREAT | os.O_EXCL)
        elif lines:
            _write(path, lines, os.O_APPEND)
        else:
            return False
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            said = f"{path} is a link, behind which nothing is written: put {', '.join(given)} there yourself"
            raise ImpossibleError(said) from exc
        raise ImpossibleError(f"{path} cannot be written ({exc.strerror})") from exc
    return True


def _write(path: Path, text: str, flags: int) -> None:
    """Write to the end of a file, unless somebody else has put it there while a person was asked."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | flags, MODE)
    with os.fdopen(descriptor, "wb") as file:
        found = os.fstat(descriptor)
        distrust = environment.why_not(found.st_mode, {found.st_uid}, trusted=trust.trusted())
        if distrust is not None:
            raise ImpossibleError(f"{path} {distrust}")
        os.fchmod(descriptor, MODE)  # before there is a secret in it
        is_within_a_line = found.st_size > 0 and os.pread(descriptor, 1, found.st_size - 1) != b"\n"
        file.write((f"\n{text}" if is_within_a_line else text).encode())
