"""The options that say which dead jobs are meant."""

from collections.abc import Callable, Collection
from datetime import timedelta
from functools import wraps
from typing import Any

import click

from receiver.cli import filters
from receiver.cli.options import since_option
from receiver.database import Database
from receiver.handling import discovery
from receiver.inbox import jobs
from receiver.inbox.dead import Filter
from receiver.logs import printable
from receiver.settings import Settings


def job_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add these options to a command, which gets them together as `wanted`."""

    @click.option("--handler", metavar="NAME", help="Only jobs of this handler.")
    @click.option(
        "--error", metavar="TEXT",
        help="Only jobs with this text in their error, or in its cause as `receiver dead` prints it. Upper and lower "
        "case are the same.",
    )  # fmt: skip
    @since_option("jobs for events")
    @click.option(
        "--type", "event_type", metavar="TYPE", callback=filters.event_type,
        help="Only jobs for events of this type, or of a family such as transcription.*",
    )  # fmt: skip
    @wraps(command)
    def with_filter(
        *args: Any, handler: str | None, error: str | None, since: timedelta | None, event_type: str | None, **more: Any
    ) -> None:
        command(*args, wanted=Filter(handler or None, error or None, since, event_type), **more)

    return with_filter


def known_handlers(configured: Settings) -> list[str]:
    """Return the names of the handlers that jobs can be of: those that can be loaded, and our own."""
    return discovery.with_own(discovery.load(configured, quiet=True))


async def say_unknown_handler(db: Database, name: str | None, known: Collection[str]) -> None:
    """Say that there is no handler of a name: it is not `known`, and no unfinished or dead job is of it."""
    if name is None or name in known or any(count.handler == name for count in await jobs.counts(db, [])):
        return
    click.echo(discovery.no_such(printable(name), known), err=True)
