"""The command `receiver`: options in, text out. No rule lives here.

init                                  a project of one's own, whose files lie in project/
schema                                JSON Schema of what other programs read
up/, serve, work, migrate, sandbox    the processes      startup: how `serve` and `work` start
check, status, metrics, console       the receiver       webhook: register, secrets, retire-secret, test-event
spool, send, diagnose                 its deliveries
handlers, forward                     the handlers       inbox: events, show, jobs     prune
dead: dead, drop                      dead jobs          replay: replay, replays
transcribe: transcribe, quote         recordings         by_worker: transcribe with a database
submit                                the same for any provider and operation
submissions: submissions, resolve, artifacts             what has become of it
providers                             the providers      transcription: retry, delete
tokens                                those of Timbr     costs: what they have charged
reconcile: what was never announced
transcript: transcript, timestamps    results            account: account, pipelines, transcriptions
search                                what was said      mcp: for assistants     deploy: to run it elsewhere
  ▶ options                           options and arguments that several commands have
    ▶ choosing                        those that say which dead jobs are meant
    ▶ filters                         those that say what a list shows
  ▶ opening                           opens the database, and the provider's client
  ▶ process                           settings, log, loop and signals
  ▶ advice                            the options that help after an error
  ▶ printing, terminal                results, questions, and a line that shows progress

Data and the story of `up` go to stdout, logs to stderr. The exit status is 0 for success, 1 for failure (one line says
why and what to do) and 2 for wrong arguments.
"""

import gc
import importlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from receiver import logs
from receiver.cli import advice
from receiver.database import outages
from receiver.errors import ImpossibleError
from receiver.logs import streams
from receiver.logs.reasons import tell
from receiver.logs.streams import OutputError

log = logging.getLogger(__name__)

MODULES = {
    "init": "init", "up": "up.command", "serve": "serve", "work": "work", "migrate": "migrate", "register": "webhook",
    "secrets": "webhook", "retire-secret": "webhook", "test-event": "webhook", "check": "check",
    "providers": "providers", "tokens": "tokens", "account": "account", "pipelines": "account", "quote": "transcribe",
    "transcribe": "transcribe", "transcriptions": "account", "transcript": "transcript", "timestamps": "transcript",
    "retry": "transcription", "delete": "transcription", "submit": "submit", "submissions": "submissions",
    "resolve": "submissions", "artifacts": "submissions", "costs": "costs", "events": "inbox", "show": "inbox",
    "jobs": "inbox", "dead": "dead", "drop": "dead", "replay": "replay", "replays": "replay", "prune": "prune",
    "handlers": "handlers", "status": "status", "metrics": "metrics", "reconcile": "reconcile", "spool": "spool",
    "console": "console", "sandbox": "sandbox", "send": "send", "diagnose": "diagnose", "search": "search",
    "forward": "forward", "mcp": "mcp", "schema": "schema", "deploy": "deploy",
}  # fmt: skip
TAKE_A_FILE = ("transcribe", "quote", "send", "submit")


class _Imported(Mapping[str, click.Command]):
    """The commands by name. The module of one is imported when it is asked for: that of all would take longer."""

    def __getitem__(self, name: str) -> click.Command:
        with streams.leaving_at_ctrl_c(), _without_collection():
            module = importlib.import_module(f"{__name__}.{MODULES[name]}")
        found: click.Command = getattr(module, name.replace("-", "_"))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


@contextmanager
def _without_collection() -> Iterator[None]:
    """Look for no garbage among what an import makes, because it stays: that would take a sixth of its time."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


class _Interrupted(click.ClickException):
    """Ctrl-C. The message, if there is one, says how to continue."""

    exit_code = streams.INTERRUPTED

    def show(self, file: Any = None) -> None:
        click.echo(": ".join(filter(None, ("interrupted", self.message))), err=True, file=file)


class _Commands(click.Group):
    """The commands. Every error becomes one line for a person and an exit status."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        with _in_one_line(), _interruptible():
            _require_text(args)
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        with _in_one_line(), _interruptible():
            return super().invoke(ctx)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except Exception as exc:
        raise click.ClickException(_said(exc)) from exc


@contextmanager
def _interruptible() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt as exc:
        raise _Interrupted(str(exc)) from exc
    except click.Abort as exc:
        if isinstance(exc.__context__, KeyboardInterrupt):  # pressed at a question
            raise _Interrupted("") from exc
        raise


def _require_text(arguments: Sequence[str]) -> None:
    """Refuse arguments that are not UTF-8, before anything is noted or sent. The name of a file can be other bytes.

    Raises:
        UsageError: an argument is not UTF-8.
    """
    for argument in arguments:
        is_text = argument == argument.encode(errors="replace").decode()
        if not is_text and not (arguments[0] in TAKE_A_FILE and Path(argument).exists()):
            raise click.UsageError(f"{logs.printable(argument)} is not UTF-8")


def _said(error: Exception) -> str:
    """Return an error for a person: its message, then a line for each fact and each note."""
    if isinstance(error, OutputError):
        return f"the output cannot be written ({error.strerror})"
    meant = outages.for_people(error)
    if meant is None:
        log.debug("a bug in receiver", exc_info=error)
        return f"a bug in receiver: {type(error).__name__}; RECEIVER_LOG_LEVEL=debug shows where"
    told = tell(meant)
    message = advice.in_options(meant) if isinstance(meant, ImpossibleError) else told.message
    facts = (f"  {name + ':':<12}{fact}" for name, fact in told.facts.items())
    return "\n".join(map(logs.printable, (message, *facts, *told.notes)))


@click.group(
    cls=_Commands,
    commands=_Imported(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""
    \b
    Examples:
      receiver up --sandbox        try everything without an account: simulated provider, embedded database
      receiver up                  receive for real; set TRANSCRIBE_API_KEY and PUBLIC_URL to register
      receiver check               see what is missing, and what to do
    """,
)
@click.version_option(package_name="receiver")
def main() -> None:
    """Receive transcribe.so webhooks durably and run your handlers on every finished transcript."""
