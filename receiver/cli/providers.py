"""`providers`: who can be asked, for what, and how each account stands."""

from collections.abc import Iterator

import click

from receiver.cli.opening import database_if_there
from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json
from receiver.cli.process import configure, run
from receiver.events import DEFAULT_ACCOUNT
from receiver.logs import printable
from receiver.providers import SOURCES, Source, by_name, offers
from receiver.providers.offers import Offered
from receiver.submissions import standing
from receiver.submissions.standing import Standing


@click.command(epilog=examples("receiver providers", "receiver providers thunderscribe", "receiver providers --json"))
@click.argument("name", required=False, type=click.Choice([source.name for source in SOURCES]))
@as_json
def providers(name: str | None, *, as_json: bool) -> None:
    """List the providers, with a line for each account.

    With NAME: what that provider can be asked for, with every option of each operation, and its limits.
    """
    source = None if name is None else by_name(name)
    if source is not None:
        print_json(offers.to_json(source)) if as_json else click.echo("\n".join(_offer(source)))
        return
    configured = configure()
    with database_if_there(configured) as url:
        found = run(standing.counted(configured.accounts, url))
    without = [kind for kind in SOURCES if kind not in {one.kind for one in found}]
    if as_json:
        others = [{"source": kind.name, "account": None, "needed": _needed(kind)} for kind in without]
        print_json([one.to_json() for one in found] + others)
        return
    width = max(len(kind.name) for kind in SOURCES)
    for one in found:
        click.echo(f"{one.account.source:<{width}}  {_line(one)}")
    for kind in without:
        click.echo(f"{kind.name:<{width}}  no account: set {_needed(kind)}")


def _needed(kind: type[Source]) -> str:
    return kind.variables.needed(DEFAULT_ACCOUNT)


def _line(one: Standing) -> str:
    """Return what is known of an account in one line, behind its source."""
    facts = [
        f"{one.account.name:<12}",
        "key set" if one.has_key else "no key ",
        ", ".join(one.kind.operations) or "transcription",
        f"{one.account.requests_a_minute} requests a minute",
        f"balance {printable(one.said)}",
    ]
    if one.waiting is not None:
        facts.append(f"{one.waiting.unfinished} unfinished, {one.waiting.unknown} unknown")
    return "  ".join(facts)


def _offer(source: type[Source]) -> Iterator[str]:
    """Yield the lines that say what a provider can be asked for."""
    if not source.operations:
        yield f"{source.name}: `receiver transcribe` submits to it, and `receiver transcribe --help` lists the options"
        return
    kinds = " or ".join({"file": "a file", "url": "a web address"}[kind] for kind in sorted(source.takes))
    limits = " and ".join(source.limits.said)
    yield f"recording   {kinds}{f', at most {limits}' if limits else ', of any size as far as is known'}"
    yield f"result      {_result(source)}"
    yield f"price       {f'in {source.unit}' if source.unit else 'not known'}"
    yield f"an account  needs {_needed(source)}"
    for name, kind in source.operations.items():
        options = list(offers.options(kind))
        yield f"\n{name}{'' if options else '  (no options)'}"
        width = max((len(option.name) for option in options), default=0)
        for option in options:
            yield f"  {option.name:<{width}}  {_said(option)}"


def _result(source: type[Source]) -> str:
    if source.synchronous:
        return "the answer to the request"
    return "told by a webhook; asked for where none comes" if source.announces else "asked for until it is there"


def _said(option: Offered) -> str:
    if option.is_required:
        return f"{option.said}; required"
    default = option.default
    if default is None:
        return option.said
    return f"{option.said}; default {str(default).lower() if isinstance(default, bool) else default}"
