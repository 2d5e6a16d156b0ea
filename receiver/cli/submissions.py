"""`submissions`, `resolve` and `artifacts`: what has become of what the providers were asked for."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from receiver.cli import filters, terminal
from receiver.cli.opening import with_database
from receiver.cli.options import as_json, examples, limit_option, stripped
from receiver.cli.printing import print_json, say_done
from receiver.cli.process import configure, run
from receiver.database import Pool
from receiver.errors import ImpossibleError, ProviderError
from receiver.inbox.artifacts import Artifact
from receiver.inbox.artifacts import of as artifacts_of
from receiver.logs import clock, printable
from receiver.settings import Settings
from receiver.submissions import finding, records, resolving
from receiver.submissions.finding import Evidence
from receiver.submissions.moves import State
from receiver.submissions.records import Submission
from receiver.submissions.resolving import Action
from receiver.submissions.shelf import copy


@click.command(
    epilog=examples(
        "receiver submissions",
        "receiver submissions --state unknown --since 7d",
        "receiver submissions --source timbr --title talk",
        "receiver submissions --json",
    )
)
@filters.of_submissions
@click.option(
    "--state", "states", type=click.Choice([*map(str, State)]), multiple=True, help="Show only those in this state."
)
@limit_option(50)
@as_json
def submissions(states: tuple[str, ...], limit: int, *, as_json: bool, **known: Any) -> None:
    """List submissions, newest first; with options, only those that match all of them.

    Where a submission has no title, --title is looked for in the name of its recording.
    """
    wanted = [State(state) for state in states] or None
    configured = configure()
    found = with_database(configured, lambda db: records.recent(db, wanted, limit or None, **known))
    if as_json:
        print_json([one.to_json() for one in found])
        return
    for one in found:
        click.echo(_line(one))
    if not found:
        click.echo("no such submissions" if states or any(known.values()) else "no submissions", err=True)
        filters.say_unknown_account(configured, known["account"])


@click.command(
    epilog=examples(
        "receiver resolve sub_01hx…               show what is known",
        "receiver resolve sub_01hx… --again       send it once more: it may be charged twice",
        "receiver resolve sub_01hx… --give-up     it has failed",
        "receiver resolve sub_01hx… --found 4821  this is the work that it became",
    )
)
@click.argument("submission", callback=stripped)
@click.option("--again", is_flag=True, help="Send it once more. It may be charged a second time.")
@click.option("--give-up", is_flag=True, help="Let it fail.")
@click.option("--found", "remote_id", help="The provider's id of the work that it became.")
@as_json
def resolve(submission: str, *, again: bool, give_up: bool, remote_id: str | None, as_json: bool) -> None:
    """Say what becomes of a SUBMISSION whose answer was lost.

    Nobody knows whether it was carried out and charged. A worker has done what it can without paying twice; now a
    person decides. Without an option, show what is known about it.
    """
    options: dict[Action, bool] = {"again": again, "give_up": give_up, "found": remote_id is not None}
    actions = [action for action, is_given in options.items() if is_given]
    if len(actions) > 1:
        raise click.UsageError("--again, --give-up and --found exclude each other")
    configured = configure()

    async def work(db: Pool) -> tuple[Submission, Evidence]:
        for action in actions:
            async with db.acquire() as connection:
                return await resolving.resolve(connection, submission, action, remote_id), Evidence()
        found = await records.known(db, submission)
        return found, await _evidence(configured, db, found)

    found, evidence = with_database(configured, work)
    if as_json:
        candidates = [one.to_json() for one in evidence.candidates]
        print_json(found.to_json() | {"candidates": candidates, "balance": evidence.balance})
    elif actions:
        say_done(f"{found.id} is {found.state}")
    else:
        _show(found, evidence)


def _show(found: Submission, evidence: Evidence) -> None:
    click.echo(_line(found))
    for name, value in found.to_json().items():
        if value is not None:
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            click.echo(f"  {name:<17} {printable(shown)}")
    if evidence.balance is not None:
        click.echo(f"  {'balance now':<17} {evidence.balance:g}")
    for one in evidence.candidates:
        facts = "  ".join(f"{name} {value}" for name, value in one.to_json().items() if value is not None)
        click.echo(f"  may have become   {printable(facts)}")


async def _evidence(configured: Settings, db: Pool, found: Submission) -> Evidence:
    try:
        return await finding.evidence(configured, db, found)
    except (ProviderError, ImpossibleError) as exc:
        click.echo(f"what it may have become cannot be looked up: {printable(str(exc))}", err=True)
        return Evidence()


@click.command(
    epilog=examples(
        "receiver artifacts sub_01hx…",
        "receiver artifacts sub_01hx… --to stems/",
        "receiver artifacts sub_01hx… --json",
    )
)
@click.argument("submission", callback=stripped)
@click.option("--to", type=click.Path(file_okay=False, path_type=Path), help="Copy them into this folder.")
@as_json
def artifacts(submission: str, to: Path | None, *, as_json: bool) -> None:
    """List the files that a SUBMISSION has brought: stems, enhanced audio, subtitles.

    They lie on the machine whose worker fetched them, or in the bucket that RECEIVER_ARTIFACTS_DIR names.
    """

    async def work(db: Pool) -> list[Artifact]:
        await records.known(db, submission)
        return await artifacts_of(db, submission)

    found = with_database(configure(), work)
    copied = [] if to is None else run(_copied(found, to))
    if as_json:
        print_json([one.to_json() for one in found])
        return
    for one in found:
        click.echo(f"{one.bytes:>12}  {one.sha256[:12]}  {printable(one.name)}  {printable(one.place)}")
    for path in copied:
        click.echo(f"copied to {printable(str(path))}", err=True)
    if not found:
        click.echo("no files: it has brought none, or `receiver prune --artifacts` has deleted them", err=True)


async def _copied(found: Sequence[Artifact], folder: Path) -> list[Path]:
    """Copy files, and say meanwhile which one is copied."""
    made = []
    with terminal.line() as show:
        for artifact in found:
            show(printable(artifact.name))
            made.append(await copy(artifact, folder))
    return made


def _line(one: Submission) -> str:
    moment, error = clock(one.created_at), "" if one.error is None else f": {printable(one.error)}"
    what = f"{one.source}{'' if one.whose.is_default else '/' + one.account}  {one.operation}"
    line = f"{moment}  {one.state:<8}  {one.id}  {what}  {printable(one.recording)}"
    if one.overdue_at is not None and one.state is State.ACCEPTED:
        line += f"  overdue since {clock(one.overdue_at)}"
    return f"{line}{error}"
