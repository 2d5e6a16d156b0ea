"""`forward`: the apps to which events are forwarded, and the end of an end."""

import click

from receiver.cli.opening import with_database
from receiver.cli.options import as_json, examples
from receiver.cli.printing import print_json, say_done
from receiver.cli.process import configure
from receiver.handling import ending
from receiver.handling.ending import Ended, Resumed
from receiver.inbox.jobs import counted
from receiver.logs import clock, printable
from receiver.settings import Settings
from receiver.settings.targets import HANDLER, Target


@click.command(epilog=examples("receiver forward", "receiver forward --json", "receiver forward --resume big-show"))
@click.option("--resume", metavar="NAME", help="Forward to this target again, which has answered 410 Gone.")
@as_json
def forward(resume: str | None, *, as_json: bool) -> None:
    """List the apps to which events are forwarded, or resume one.

    RECEIVER_FORWARD_BIG_SHOW makes the target big-show. If it answers 410 Gone, nothing more is sent to it, and its
    jobs are dead at once, until it is resumed.
    """
    configured = configure()
    if resume is None:
        _list(configured, as_json=as_json)
    else:
        name = resume.strip()
        _say(with_database(configured, lambda db: ending.resume(db, name, configured)), as_json=as_json)


def _list(configured: Settings, *, as_json: bool) -> None:
    ended = {one.target: one for one in with_database(configured, ending.ended)}
    if as_json:
        print_json([ending.to_json(target, ended.get(target.name)) for target in configured.targets])
        return
    for target in configured.targets:
        click.echo(_line(target, ended.pop(target.name, None)))
    for one in ended.values():
        click.echo(f"{printable(one.target)} is not set, and has ended {clock(one.ended_at)}: {one.reason}", err=True)
    if not configured.targets:
        click.echo("no targets: RECEIVER_FORWARD_NAME and RECEIVER_FORWARD_NAME_SECRET make one", err=True)


def _line(target: Target, found: Ended | None) -> str:
    content = "events and transcripts" if target.with_transcript else "events"
    line = f"{target.name:<24} {target.host:<40} {content} of {', '.join(target.types)}"
    return line if found is None else f"{line}; ended {clock(found.ended_at)}: {found.reason}"


def _say(resumed: Resumed, *, as_json: bool) -> None:
    if as_json:
        print_json({"target": resumed.target, "had_ended": resumed.had_ended, "dead": resumed.dead})
        return
    say_done(f"{resumed.target} {'is resumed' if resumed.had_ended else 'had not ended: nothing to do'}")
    if resumed.dead:
        command = f"receiver replay --dead --handler {HANDLER.format(resumed.target)}"
        click.echo(f"its dead jobs: {counted(resumed.dead)}; `{command}` runs them again", err=True)
