"""`init`: begin a project of one's own, with `.env`, a first handler and its test.

The files lie beside this module in `project/`, each under its place in the project and `.txt`.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import click

from receiver import settings
from receiver.cli import terminal
from receiver.cli.options import examples
from receiver.cli.process import configure, interruptible
from receiver.errors import ConfigError, ImpossibleError
from receiver.settings import Settings, adding, environment, said

PROJECT = Path(__file__).parent / "project"
HANDLERS = Path("handlers")
FIRST = HANDLERS / "first.py"
CONFTEST, FIXTURES = Path("conftest.py"), "receiver.testing"
INI = Path("pytest.ini")
# Where pytest looks for its configuration, and what such a file has in it.
CONFIGURATIONS = {
    "pytest.ini": "", ".pytest.ini": "", "pytest.toml": "", ".pytest.toml": "", "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]", "setup.cfg": "[tool:pytest]",
}  # fmt: skip
BUNDLED_TOO = {"RECEIVER_HANDLERS": "handlers,receiver.bundled"}


class _Asked(NamedTuple):
    variable: str
    question: str
    otherwise: str
    is_secret: bool = False

    @property
    def prompt(self) -> str:
        return f"{self.question} ({'not shown; ' if self.is_secret else ''}Enter: {self.otherwise})"


# In ASCII, because a terminal can have any encoding.
KEY = _Asked(
    "TRANSCRIBE_API_KEY", "API key of transcribe.so, from Settings, API keys", "none, the sandbox needs none",
    is_secret=True,
)  # fmt: skip
ADDRESS = _Asked("PUBLIC_URL", "Where the provider reaches this receiver, https://...", "none, the sandbox needs none")
DATABASE = _Asked("DATABASE_URL", "PostgreSQL, postgresql://...", "the embedded one, in this folder", is_secret=True)


@click.command(
    epilog=examples(
        "receiver init",
        "receiver init --public-url https://hooks.example.com",
        "receiver init --database-url postgresql://user@db.example.com/receiver",
    )
)
@click.option("--key", metavar="KEY", help="The API key of transcribe.so (TRANSCRIBE_API_KEY).")
@click.option("--public-url", metavar="URL", help="Where the provider reaches this receiver (PUBLIC_URL).")
@click.option("--database-url", metavar="URL", help="The PostgreSQL (DATABASE_URL).")
def init(key: str | None, public_url: str | None, database_url: str | None) -> None:
    """Begin a project in this folder: .env, a first handler, and its test.

    At a terminal the key, the address and the database are asked for, if they are neither given nor set already. Run it
    as often as you like: what is there stays as it is.

    While it runs, every user of this machine can read its command line. So leave a key, and a URL with a password, to
    the questions; or set the variable in the environment, from which every command takes it.
    """
    mask = os.umask(0o077)  # the handlers are nobody's secret; `configure` sets this mask, too
    configured = configure()
    options = {KEY: key, ADDRESS: public_url, DATABASE: database_url}
    values = {asked.variable: _value(configured, asked, option) for asked, option in options.items()}
    given = {name: value for name, value in values.items() if value}
    why_not = _why_no_handler(configured)
    if why_not is None and not FIRST.exists() and not configured.handlers:
        given |= BUNDLED_TOO  # else the bundled handlers would run no more
    if adding.add(environment.ENV_FILE, given, unset=[name for name, value in values.items() if value == ""]):
        click.echo(f"wrote .env: {', '.join(given) or 'nothing is set yet'}")
    if why_not is None:
        _write_project(mask)
    else:
        click.echo(f"{why_not}, so no first handler is written")
    _say_what_follows()


def _value(configured: Settings, asked: _Asked, option: str | None) -> str | None:
    """Return the value of a variable: the option's, or what a person types; empty for none, None if it is set already.

    Raises:
        ImpossibleError: it is set to something else.
        ConfigError: the option's value cannot be used.
    """
    now = said.text(configured, asked.variable)
    if now is None:
        return _ask(asked) if option is None else _checked(asked, option)[0]
    name = asked.variable
    where = ".env" if {name, f"{name}_FILE"} & {*environment.from_file()} else "the environment"
    if option is not None and _checked(asked, option)[1] != now:
        raise ImpossibleError(f"{name} is set to something else in {where}: change it there")
    click.echo(f"{name} is set already, in {where}")
    return None


def _ask(asked: _Asked) -> str:
    """Return what a person types, once it can be used. Where there is no terminal nobody is asked."""
    if not (sys.stdin.isatty() and terminal.is_shown()):
        return ""
    while True:
        with interruptible():
            typed = click.prompt(asked.prompt, default="", show_default=False, hide_input=asked.is_secret, err=True)
        try:
            return _checked(asked, typed)[0]
        except ConfigError as exc:
            click.echo(str(exc), err=True)


def _checked(asked: _Asked, value: str) -> tuple[str, str | None]:
    """Return a value without the blanks around it, and how the settings spell it.

    Raises:
        ConfigError: it cannot be that of its variable. The message does not show it.
    """
    bare = value.strip()
    return bare, said.text(settings.load(**{asked.variable: bare}), asked.variable) if bare else None


def _why_no_handler(configured: Settings) -> str | None:
    """Return why no first handler is written: there are handlers of the user's own, or it would not be found."""
    if configured.handlers and str(HANDLERS) not in configured.handlers:
        return "RECEIVER_HANDLERS does not name handlers"
    there = [path for path in (HANDLERS, HANDLERS.with_suffix(".py")) if path.is_file() or any(path.glob("*"))]
    return f"{there[0]} is there already" if there and not FIRST.exists() else None


def _write_project(mask: int) -> None:
    """Write what is missing of the project's files."""
    for template in sorted(PROJECT.rglob("*.txt")):
        path = template.relative_to(PROJECT).with_suffix("")
        if path == INI and (other := _pytest_is_configured_in()) not in (None, INI.name):
            click.echo(f'{other} configures pytest: the test needs asyncio_mode = "auto" there')
        elif path == CONFTEST and path.is_file() and FIXTURES not in path.read_text(errors="replace"):
            click.echo(f'{path} is there already: the test needs pytest_plugins = ["{FIXTURES}"] there')
        elif path.exists():
            click.echo(f"{path} is there already")
        else:
            _write(path, template.read_text(), mask)
            click.echo(f"wrote {path}")


def _pytest_is_configured_in() -> str | None:
    """Return the file in which pytest is configured here; None if it is in none."""
    for name, part in CONFIGURATIONS.items():
        path = Path(name)
        if path.is_file() and part in path.read_text(errors="replace"):
            return name
    return None


def _write(path: Path, text: str, mask: int) -> None:
    """Write a file that others can read as far as the user's `mask` says."""
    try:
        if not path.parent.is_dir():
            path.parent.mkdir()
            path.parent.chmod(0o777 & ~mask)
        with path.open("x", encoding="utf-8") as file:
            path.chmod(0o666 & ~mask)
            file.write(text)
    except OSError as exc:
        raise ImpossibleError(f"{path} cannot be written ({exc.strerror})") from exc


def _say_what_follows() -> None:
    missing = [name for name in ("pytest", "pytest-asyncio") if find_spec(name.replace("-", "_")) is None]
    first = f", after pip install {' '.join(missing)}" if missing else ""
    click.echo("\nNow run:")
    click.echo("  receiver up --sandbox   everything on this machine, with simulated providers and one sample")
    click.echo(f"  pytest                  the test of the first handler{first}")
