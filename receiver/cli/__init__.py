"""The command `receiver`: the composition root.

Each module here is one kind of command. Data and the story that `up` tells go to stdout, logs to stderr; the exit
status is 0 when it worked, 1 when it did not (with one line that says why and what to do), 2 for a wrong call.
"""

from typing import Any

import asyncpg
import click

from receiver import logs, outages
from receiver.cli import charge, check, looking, processes, reading, sandbox, send, spool, stored, submit, up, webhook
from receiver.errors import ProviderError, ReceiverError

# What a statement of a command may meet; where no connection is made a sentence of ours says why.
DATABASE = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ConnectionError, TimeoutError)


class _Commands(click.Group):
    """Turn the errors that are meant for a person into one line and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # click ends quietly when a reader such as `head` has gone
        except ProviderError as exc:
            raise click.ClickException(_block(exc)) from exc
        except ReceiverError as exc:
            raise click.ClickException(logs.printable(str(exc))) from exc
        except DATABASE as exc:
            raise click.ClickException(logs.printable(str(outages.of_work(exc)))) from exc
        except (
            OSError
        ) as exc:  # a disk, a stream: not the database, which says so itself where it cannot be connected to
            raise click.ClickException(logs.printable(str(exc))) from exc


def _block(error: ProviderError) -> str:
    """Return what a person needs of a provider's error, a line for each thing."""
    code = error.code if error.status is None else f"{error.code} (HTTP {error.status})"
    facts = {"code": code, "request id": error.request_id, "see": error.doc_url}
    notes = getattr(error, "__notes__", [])
    message = error.message if error.status is None else f"the provider says: {error.message}"
    lines = [message, *(f"  {name + ':':<12}{said}" for name, said in facts.items() if said is not None), *notes]
    return "\n".join(map(logs.printable, lines))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="""
    \b
    Examples:
      receiver up --sandbox        try everything with no account: simulated provider, embedded database
      receiver up                  receive for real; TRANSCRIBE_API_KEY and PUBLIC_URL register by themselves
      receiver check               see what is missing, and what to do
    """,
)
@click.version_option(package_name="receiver")
def main() -> None:
    """Receive transcribe.so webhooks durably and run your handlers on every finished transcript."""


for command in (
    up.up, processes.serve, processes.work, processes.migrate, webhook.register, webhook.secrets,
    webhook.retire_secret, webhook.test_event, check.check, looking.account, looking.pipelines, submit.quote,
    submit.transcribe, looking.transcriptions, reading.transcript, reading.timestamps, charge.retry, charge.delete,
    stored.events, stored.show, stored.jobs, stored.replay, stored.handlers, spool.spool, sandbox.sandbox, send.send,
):  # fmt: skip
    main.add_command(command)
