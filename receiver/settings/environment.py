"""The environment of the process that a person starts, and of the processes that it starts in turn.

Only the first process reads `.env` in the working directory, and puts it into its environment. Its child processes
inherit that environment and do not read the file. So the processes of a sandbox cannot find a real key in the file.
A variable that is already set takes precedence over the file.

A value is used as it is written. Nothing is expanded, because a password can contain a `$`.
"""

import difflib
import io
import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from receiver.errors import ConfigError
from receiver.settings import account_variables, accounts, targets, trust, values
from receiver.settings.model import SECRETS, Settings

# This variable tells child processes that `.env` has been read, and which variables are from there. Its name does not
# begin like a setting of ours.
READ = "_RECEIVER_ENV_FILE_WAS_READ"
# `up` gives each process a name, such as `web 2`, if it starts several of its kind.
PROCESS = "_RECEIVER_PROCESS"
ENV_FILE = Path(".env")
# The variables of real sources begin with these, those of every account (`__NAME`) too.
SOURCES = tuple(f"{source.prefix}_" for source in accounts.SOURCES)
# The variables that switch on ready-made handlers, and say what these do, begin with these.
READY = ("RECEIVER_FILES", "RECEIVER_FORWARD_", "RECEIVER_NOTIFY", "RECEIVER_PUBLISH")
# What begins with these and is no setting is a mistake. A variable `OPENAI_…` can be meant for other programs.
OURS = ("RECEIVER_", *(beginning for beginning in SOURCES if beginning != f"{accounts.OPENAI.prefix}_"))

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WITHOUT_SIGN = re.compile(r"\s*(export\s+)?[A-Za-z_][A-Za-z0-9_.-]*(?![A-Za-z0-9_.-])(?!\s*=)")
_NO_SIGN = "has no = after its name"


def enter() -> list[str]:
    """Read `.env` into the environment. Return variables that look like our settings but are not.

    Each comes with the nearest setting. If our parent process has read the file, read nothing and return nothing.

    Raises:
        ConfigError: the file cannot be read, or must not be trusted. The message names its lines by number and never
            shows them. Or the working folder, where handlers and data are looked for, does not exist any more.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the working folder does not exist any more: go to another folder") from None
    if READ in os.environ:
        return []
    already_set, taken = set(os.environ), []
    for name, value in read(ENV_FILE).items():
        secret = name.removesuffix("_FILE")
        is_set = already_set & ({secret, f"{secret}_FILE"} if _is_secret(secret) else {name})
        if not is_set:
            os.environb[name.encode()] = value.encode()  # as a shell does it, in any locale
            taken.append(name)
    os.environ[READ] = ",".join(["1", *taken])  # no variable is called 1
    return unknown(os.environ)


@dataclass(frozen=True, slots=True)
class Start:
    """The environment and the folder in which this process was started."""

    environment: Mapping[str, str]
    folder: Path


def remember() -> Start:
    """Return environment and folder as they are now. Call this before a user's module is imported.

    Such a module can change both. Processes that we start later get the environment and folder returned here.
    """
    return Start(dict(os.environ), Path.cwd())


def read(path: Path) -> dict[str, str]:
    """Return the variables that a file sets; none if there is no file.

    Raises:
        ConfigError: see `enter`.
    """
    try:
        if path.is_dir():  # some people use this name for a virtual environment
            return {}
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # no waiting if it is a pipe
        with os.fdopen(descriptor, "rb") as file:
            found, link = os.fstat(descriptor), path.lstat()
            distrust = why_not(found.st_mode, {found.st_uid, link.st_uid}, trusted=trust.trusted())
            if distrust is not None:
                raise ConfigError(f"{path} {distrust}")
            text = file.read().decode("utf-8-sig")
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link to a missing file: fix it, or remove it") from None
        return {}
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path}: line {line} is not UTF-8") from None  # the error would show the line
    return _variables(path, text)


def _variables(path: Path, text: str) -> dict[str, str]:
    found, wrong = {}, []
    for binding in parse_stream(io.StringIO(text, newline=None)):
        why = _why_unusable(binding)
        if why is not None:
            wrong.append(f"line {binding.original.line + _blank_lines(binding.original.string)} {why}")
        elif binding.key is not None:
            found[binding.key] = binding.value or ""
    if wrong:
        raise ConfigError(f"{path}: {'; '.join(wrong)}")
    return found


def _blank_lines(statement: str) -> int:
    """Return the number of blank lines that the parser has put in front of a statement."""
    return statement[: len(statement) - len(statement.lstrip())].count("\n")


def _why_unusable(binding: Binding) -> str | None:
    if binding.error:
        if _WITHOUT_SIGN.match(binding.original.string):
            return _NO_SIGN
        return "cannot be read; is a closing quote missing?"
    if binding.key is None:
        return None  # blank, or a comment
    if binding.value is None:
        return _NO_SIGN
    if not _NAME.fullmatch(binding.key):
        return "does not begin with a valid name of a variable"
    return "contains a NUL character, which no variable can contain" if "\0" in binding.value else None


def why_not(mode: int, owners: Collection[int], *, trusted: Collection[int]) -> str | None:
    """Return why a file must not decide what we connect to and run; None if it can be trusted."""
    if not stat.S_ISREG(mode):
        return "is not a file: remove it, or set its variables in the environment"
    return trust.why_not(mode, owners, trusted=trusted, otherwise=", or set its variables in the environment")


def _is_secret(name: str) -> bool:
    return name in SECRETS or account_variables.is_secret(name) or targets.is_secret(name)


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Return variables that look like our settings but are not, each with the most similar setting."""
    settings = {str(field.validation_alias) for field in Settings.model_fields.values()}
    settings |= {f"{name}_FILE" for name in SECRETS} | set(account_variables.usual())
    known = settings | set(account_variables.names(environment)) | set(targets.names(environment))
    strange = []
    for name, value in sorted(environment.items()):
        if not name.startswith(OURS) or name in known or values.is_of_a_service(name, value):
            continue
        near = _nearest(name, sorted(known))
        strange.append(name if near is None else f"{name} (do you mean {near}?)")
    return strange


def _nearest(name: str, known: Sequence[str]) -> str | None:
    """Return the known variable that is most like another one: of the same beginning, or else of any."""
    beginning, tail = _split(name)
    tails: dict[str, str] = {}
    for one in (*known, *(one for one in known if _split(one)[0] == beginning)):
        tails[_split(one)[1]] = one
    near = difflib.get_close_matches(tail, tails, n=1)
    return tails[near[0]] if near else None


def _split(name: str) -> tuple[str, str]:
    """Split a variable into what it begins with and the rest. `TIMBR_` is the beginning of `TIMBR_AUDIO_` too."""
    beginning = max((one for one in OURS if name.startswith(one)), key=len, default="")
    return beginning, name.removeprefix(beginning)


def from_file() -> list[str]:
    """Return the variables that are from `.env`."""
    return [name for name in os.environ.get(READ, "").split(",")[1:] if os.environ.get(name)]


def is_of_a_provider(name: str) -> bool:
    """Whether a variable belongs to a real provider (a key, a secret, an address, …), or is a `PUBLIC_URL`."""
    return name.startswith(SOURCES) or name.partition("__")[0].removesuffix("_FILE") == "PUBLIC_URL"
