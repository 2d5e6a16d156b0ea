"""The environment of the process that a person starts, and of those that it starts itself.

`.env` in the working directory is read once, by the first of them, and is its environment from then on: what it starts
inherits that, so a sandbox's processes cannot find in the file what was kept from them. The environment wins over it.

A value is what is written: nothing is expanded, because a password may hold a `$`.
"""

import difflib
import io
import os
import re
import shlex
import stat
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from receiver.errors import ConfigError
from receiver.settings import inherited, trust
from receiver.settings.model import SECRETS, Settings

# Says that `.env` has been read, to whatever this process starts. It begins like none of our settings.
READ = "_RECEIVER_ENV_FILE_WAS_READ"
ENV_FILE = Path(".env")
OURS = ("RECEIVER_", "TRANSCRIBE_")
# Sources that there are or will be; whatever has one in front is about the real one, whichever account (`__NAME`).
SOURCES = ("TRANSCRIBE_", "TIMBR_", "FISHAUDIO_", "THUNDERSCRIBE_", "OPENAI_")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WITHOUT_SIGN = re.compile(r"\s*(export\s+)?[A-Za-z_][A-Za-z0-9_.-]*(?![A-Za-z0-9_.-])(?!\s*=)")
_NO_SIGN = "has no = behind its name"
# Kubernetes and Docker tell every container about a service that is called `receiver`.
_OF_A_SERVICE = re.compile(r"\w+_(SERVICE_(HOST|PORT)\w*|PORT_\d+_(TCP|UDP|SCTP)\w*)")


def enter() -> list[str]:
    """Read `.env` into the environment; returns what looks like a setting of ours and is none, with the nearest one.

    Where this process was started by one that has done so, nothing is read and nothing returned.

    Raises:
        ConfigError: the file cannot be read, or should not be trusted; its lines are named by number, never shown.
            Or there is no working folder, which the handlers and the data are looked for in.
    """
    try:
        Path.cwd()
    except FileNotFoundError:
        raise ConfigError("the working folder is there no more: go to another") from None
    if READ in os.environ:
        return []
    said = set(os.environ)
    for name, value in read(ENV_FILE).items():
        secret = name.removesuffix("_FILE")
        if name not in said and not (secret in SECRETS and said & {secret, f"{secret}_FILE"}):
            os.environb[name.encode()] = value.encode()  # as a shell would, whatever the locale's encoding
    os.environ[READ] = "1"
    return unknown(os.environ)


@dataclass(frozen=True, slots=True)
class Start:
    """In which environment and which folder this process was started."""

    environment: Mapping[str, str]
    folder: Path


def remember() -> Start:
    """Return both as they are; to be called before a stranger's module is imported, which may change them.

    What this process starts later begins in the same, as if that module had not been imported here.
    """
    return Start(dict(os.environ), Path.cwd())


def read(path: Path) -> dict[str, str]:
    """Return the variables that a file sets; none where there is no file.

    Raises:
        ConfigError: see `enter`.
    """
    try:
        if path.is_dir():  # a virtual environment, as some name it
            return {}
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe there would hold us up
        with os.fdopen(descriptor, "rb") as file:
            found, link = os.fstat(descriptor), path.lstat()
            distrust = why_not(found.st_mode, {found.st_uid, link.st_uid}, trusted=trust.trusted())
            if distrust is not None:
                raise ConfigError(f"{path} {distrust}")
            text = file.read().decode("utf-8-sig")
    except FileNotFoundError:
        if path.is_symlink():
            raise ConfigError(f"{path} is a link to what is not there: mend it, or remove it") from None
        return {}
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        line = exc.object.count(b"\n", 0, exc.start) + 1
        raise ConfigError(f"{path}: line {line} is not UTF-8") from None  # the error would show it
    return _variables(path, text)


def _variables(path: Path, text: str) -> dict[str, str]:
    found, wrong = {}, []
    for one in parse_stream(io.StringIO(text, newline=None)):
        why = _why_unusable(one)
        if why is not None:
            wrong.append(f"line {one.original.line + _blank_lines(one.original.string)} {why}")
        elif one.key is not None:
            found[one.key] = one.value or ""
    if wrong:
        raise ConfigError(f"{path}: {'; '.join(wrong)}")
    return found


def _blank_lines(statement: str) -> int:
    """Return how many lines the parser took along in front of a statement."""
    return statement[: len(statement) - len(statement.lstrip())].count("\n")


def _why_unusable(one: Binding) -> str | None:
    if one.error:
        if _WITHOUT_SIGN.match(one.original.string):
            return _NO_SIGN
        return "cannot be read; is there a quote without its other half?"
    if one.key is None:
        return None  # blank, or a comment
    if one.value is None:
        return _NO_SIGN
    if not _NAME.fullmatch(one.key):
        return "begins with no name that a variable can have"
    return "holds a character that no variable can" if "\0" in one.value else None


def why_not(mode: int, owners: Collection[int], *, trusted: Collection[int]) -> str | None:
    """Return why a file is not to decide what we connect to and run; None where it may."""
    if not stat.S_ISREG(mode):
        return "is no file: remove it, or set its variables in the environment"
    return trust.why_not(mode, owners, trusted=trusted, otherwise=", or set its variables in the environment")


def unknown(environment: Mapping[str, str]) -> list[str]:
    """Return the variables that begin like ours and are none, each with the name that may be meant."""
    known = {str(field.validation_alias) for field in Settings.model_fields.values()}
    known |= {f"{name}_FILE" for name in SECRETS}
    said = []
    for name, value in sorted(environment.items()):
        if not name.startswith(OURS) or name in known or _OF_A_SERVICE.fullmatch(name) or value.startswith("tcp://"):
            continue
        tails = {_tail(one): one for one in sorted(known)}
        near = difflib.get_close_matches(_tail(name), tails, n=1)
        said.append(f"{name} (do you mean {tails[near[0]]}?)" if near else name)
    return said


def _tail(name: str) -> str:
    for beginning in OURS:
        name = name.removeprefix(beginning)
    return name


def is_of_a_provider(name: str) -> bool:
    """Whether a variable is a key, a secret, an address or anything else of a real provider, or where it reaches us."""
    return name.startswith(SOURCES) or name.partition("__")[0].removesuffix("_FILE") == "PUBLIC_URL"


def of_a_sandbox(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what a simulated provider needs of an environment of ours: how it logs, and no database, key or secret."""
    needed = (READ, "RECEIVER_LOG", "RECEIVER_LOG_LEVEL", *inherited.CERTIFICATES)
    return inherited.plain(environment) | {name: environment[name] for name in needed if name in environment}


@dataclass(frozen=True, slots=True)
class Simulation:
    """What speaks to a sandbox instead of to real providers: `settings` are set, `gone` must be no more."""

    settings: Mapping[str, str]
    gone: Sequence[str]

    def export_line(self, configured: Settings, public_url: str, environment: Mapping[str, str]) -> str:
        """Return what lets commands in another terminal take part, whatever `.env` and that terminal have set."""
        said = {**self.settings, "PUBLIC_URL": public_url, "PORT": str(configured.port)}
        said |= {name: environment[name] for name in ("HOST", "RECEIVER_HANDLERS") if environment.get(name)}
        for name, folder in (("RECEIVER_DATA_DIR", configured.data_dir), ("RECEIVER_SPOOL_DIR", configured.spool_dir)):
            if folder is not None and environment.get(name):
                said[name] = str(folder)
        emptied = [f"{name}=" for name in self.gone if name not in said]
        return " ".join(["export", *(f"{name}={shlex.quote(value)}" for name, value in said.items()), *emptied])


def simulate(api_url: str, key: str) -> Simulation:
    """Leave nothing of a real provider in the environment, and put a sandbox there.

    A real key would be used by a handler, a real secret would let real deliveries in among the simulated ones, and
    with a `PUBLIC_URL` our web server would register once more.
    """
    gone = [name for name in sorted(filter(is_of_a_provider, list(os.environ))) if os.environ.pop(name)]
    settings = {"TRANSCRIBE_API_URL": api_url, "TRANSCRIBE_API_KEY": key}
    os.environ.update(settings)
    return Simulation(settings, gone)
