"""The command `receiver`: the composition root.

Each module here is one kind of command. Data and the story that `up` tells go to stdout, logs to stderr; the exit
status is 0 when it worked, 1 when it did not (with one line that says why and what to do), 2 for a wrong call.
"""

from typing import Any

import click

from receiver import logs
from receiver.cli import check, processes, provider, sandbox, send, stored, up
from receiver.database import AWAY
from receiver.errors import ProviderError, ReceiverError


class _Commands(click.Group):
    """Turn the errors that are meant for a person into one line and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # click ends quietly when a reader such as `head` has gone
        except ProviderError as exc:
            see = "" if exc.doc_url is None else f"; see {exc.doc_url}"
            raise click.ClickException(logs.printable(f"the provider says {exc}{see}")) from exc
        except ReceiverError as exc:
            raise click.ClickException(logs.printable(str(exc))) from exc
        except AWAY as exc:
            raise click.ClickException(
                f"the database cannot be used ({type(exc).__name__}): see whether it runs and DATABASE_URL is right"
            ) from exc


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
    up.up, processes.serve, processes.work, processes.migrate, provider.register, provider.test_event, stored.events,
    stored.show, stored.jobs, stored.replay, stored.transcript, stored.timestamps, stored.handlers, sandbox.sandbox,
    check.check, send.send,
):  # fmt: skip
    main.add_command(command)
