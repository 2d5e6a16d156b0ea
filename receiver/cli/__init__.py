"""The command `receiver`: options in, text out. No rule lives here.

up/, serve, work, migrate, sandbox    the processes      startup: how `serve` and `work` start
check, webhook, spool, send           the receiver       inbox, handlers: what it has stored, and who handles it
submit, transcription, transcript     recordings         account: what the provider has
  ▶ options                           options and arguments that several commands have
  ▶ opening                           opens the database, the spool, the provider's client
  ▶ process                           settings, log, loop and signals
  ▶ advice                            the options that help after an error
  ▶ printing, terminal                results, questions, and a line that shows progress

Data and the story of `up` go to stdout, logs to stderr. The exit status is 0 for success, 1 for failure (one line says
why and what to do) and 2 for wrong arguments.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import click

from receiver import logs
from receiver.cli import (
    account,
    advice,
    check,
    handlers,
    inbox,
    migrate,
    sandbox,
    send,
    serve,
    spool,
    submit,
    transcript,
    transcription,
    webhook,
    work,
)
from receiver.cli.up import command as up
from receiver.database import outages
from receiver.errors import ProviderError, ReceiverError
from receiver.logs.streams import OutputError

log = logging.getLogger(__name__)

TAKE_A_FILE = ("transcribe", "quote", "send")
# Errors of a command's SQL statement. A connection that fails raises a `ReceiverError` instead.
STATEMENT_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    ConnectionError,
    TimeoutError,
)


class _Interrupted(click.ClickException):
    """Ctrl-C. The message, if there is one, says how to continue."""

    exit_code = 130

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
    except OutputError as exc:
        raise click.ClickException(f"the output cannot be written ({exc.strerror})") from exc
    except ProviderError as exc:
        raise click.ClickException(_block(exc)) from exc
    except ReceiverError as exc:
        raise click.ClickException(logs.printable(advice.in_options(exc))) from exc
    except STATEMENT_ERRORS as exc:
        raise click.ClickException(logs.printable(str(outages.of_work(exc)))) from exc
    except OSError as exc:  # of a disk; a database that cannot be reached raises a `ReceiverError`
        raise click.ClickException(logs.printable(str(exc))) from exc
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except Exception as exc:
        log.debug("a bug in receiver", exc_info=exc)
        raise click.ClickException(
            f"a bug in receiver: {type(exc).__name__}; RECEIVER_LOG_LEVEL=debug shows where"
        ) from exc


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


def _block(error: ProviderError) -> str:
    """Return a provider's error for a person: its message, then a line for each fact."""
    code = error.code if error.status is None else f"{error.code} (HTTP {error.status})"
    facts = {"code": code, "request id": error.request_id, "see": error.doc_url}
    notes = getattr(error, "__notes__", [])
    message = error.message if error.status is None else f"the provider says: {error.message}"
    lines = [message, *(f"  {name + ':':<12}{fact}" for name, fact in facts.items() if fact is not None), *notes]
    return "\n".join(map(logs.printable, lines))


@click.group(
    cls=_Commands,
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


for command in (
    up.up, serve.serve, work.work, migrate.migrate, webhook.register, webhook.secrets,
    webhook.retire_secret, webhook.test_event, check.check, account.account, account.pipelines, submit.quote,
    submit.transcribe, account.transcriptions, transcript.transcript, transcript.timestamps, transcription.retry,
    transcription.delete,
    inbox.events, inbox.show, inbox.jobs, inbox.replay, handlers.handlers, spool.spool, sandbox.sandbox, send.send,
):  # fmt: skip
    main.add_command(command)
