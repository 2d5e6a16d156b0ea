"""Options and arguments that several commands share, and how they are read."""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import click

from receiver.errors import ImpossibleError
from receiver.events import DEFAULT_ACCOUNT
from receiver.inbox import filters
from receiver.providers.transcribe_so import wire
from receiver.settings import webhook_at
from receiver.submissions import ids

F = TypeVar("F", bound=Callable[..., Any])

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
yes_option = click.option("--yes", is_flag=True, help="Continue without a question.")
ACCOUNT = "receiver.account"  # where a context keeps the name of the chosen account


def _choose(ctx: click.Context, _: click.Parameter, name: str) -> None:
    ctx.meta[ACCOUNT] = name


# Read before the others, because an address depends on it. `process.configure` chooses the account.
account_option = click.option(
    "--account", metavar="NAME", default=DEFAULT_ACCOUNT, show_default=True, is_eager=True, expose_value=False,
    callback=_choose, help="Ask with the key of this account: big-show is that of TRANSCRIBE_API_KEY__BIG_SHOW.",
)  # fmt: skip


def _pairs(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Return the names and values of options such as `num_speakers=3`."""
    pairs = [text.partition("=") for text in given]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise click.BadParameter("an option is NAME=VALUE, such as num_speakers=3")
    return tuple((name.strip(), value) for name, _, value in pairs)


options_option = click.option(
    "-o", "--option", "options", multiple=True, metavar="NAME=VALUE", callback=_pairs,
    help="An option of the operation, in the provider's words. NAME=@FILE uploads a file, if the option is one. Repeat "
    "it for several.",
)  # fmt: skip
again_option = click.option(
    "--again", is_flag=True, help="Submit and pay once more, although the same was submitted before."
)
# `up` passes this to its processes: their standard input is the line to `up` (see `line`), and they end when it closes.
until_eof = click.option("--until-eof", is_flag=True, hidden=True)


class WholeRange(click.IntRange):
    """A whole number within a range, which errors call so."""

    name = "whole number"


class FiniteRange(click.FloatRange):
    """A finite number within a range. `FloatRange` itself takes NaN, because every comparison with it is false."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number of a text, or refuse the text."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class Duration(click.ParamType):  # type: ignore[type-arg]  # Click 8.1 knows no type arguments
    """A length of time, such as 7d, 12h or 30m; its value is a timedelta."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the length of time that a text says, or refuse the text."""
        if isinstance(value, timedelta):
            return value
        try:
            return filters.duration(str(value))
        except ValueError as exc:
            self.fail(str(exc), param, ctx)


def since_option(what: str) -> Callable[[F], F]:
    """Return the option that leaves out what is older than a length of time; `what` names in its help what is taken."""
    return click.option(
        "--since", type=Duration(), metavar="DURATION", help=f"Only {what} of the last 7d, 12h or 30m, for example."
    )


def limit_option(default: int) -> Callable[[F], F]:
    """Return the option for how much a list shows."""
    return click.option(
        "--limit", type=WholeRange(0, 1_000_000), default=default, show_default=True,
        help="Show at most this many; 0 shows all.",
    )  # fmt: skip


def refuse_again_with_key(key: str | None, *, again: bool) -> None:
    """Refuse `--again` with a caller's key: what was submitted under a key is not submitted again."""
    if again and key is not None:
        raise click.UsageError("--again does not go with --idempotency-key: take another key")


def webhook_url(ctx: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """Return the address of the account's webhook at a receiver; `given` may leave out our path."""
    try:
        return None if given is None else webhook_at(given, ctx.meta[ACCOUNT])
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


def transcription_id(ctx: click.Context, _: click.Parameter, given: str) -> str:
    """Return the id of a transcription of transcribe.so as the provider writes it.

    Raises:
        ImpossibleError: it is the id of a submission to another provider.
        InvalidRequest: no transcription can have this id.
    """
    own = given.strip()
    if ids.is_id(own):
        command = f"receiver {ctx.info_name}"
        raise ImpossibleError(f"`{command}` is for transcriptions of transcribe.so, and {own} is a submission")
    return wire.number(own)


def transcript_id(_: click.Context, __: click.Parameter, given: str) -> str:
    """Return the id of a submission, or that of a transcription of transcribe.so as the provider writes it.

    Raises:
        InvalidRequest: neither can have this id.
    """
    own = given.strip()
    return own if ids.is_id(own) else wire.number(own)


def stripped(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """Return an id without the blanks around it; None if none was given."""
    return None if given is None else given.strip()


def examples(*lines: str) -> str:
    """Return the examples that end a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
