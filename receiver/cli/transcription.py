"""`retry` and `delete`. The first costs money and the second cannot be undone, so both ask first."""

import click

from receiver.cli import terminal
from receiver.cli.account import line
from receiver.cli.opening import opened
from receiver.cli.options import account_option, as_json, examples, transcription_id, yes_option
from receiver.cli.printing import confirm, print_json, say_done
from receiver.cli.process import configure, run
from receiver.logs import printable
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.submissions import again, deleting
from receiver.submissions.price import dollars


@click.command(epilog=examples("receiver retry 4821", "receiver retry 4821 --yes --wait --json | jq .status"))
@click.argument("transcription", metavar="ID", callback=transcription_id)
@yes_option
@click.option("--wait", is_flag=True, help="Wait until it ends.")
@account_option
@as_json
def retry(transcription: str, *, yes: bool, wait: bool, as_json: bool) -> None:
    """Start a failed transcription again, from scratch.

    It is charged again: the command shows the price and asks first.
    """
    configured = configure()

    def ask(status: TranscriptionStatus, cost: float | None) -> None:
        click.echo(line(status), err=True)
        charge = "the full price" if cost is None else f"about {dollars(cost, digits=4)}"
        confirm(f"Charge {charge} and start it again?")

    async def work() -> TranscriptionStatus:
        async with opened(configured) as desk:
            with terminal.transcription() as (followed, progressed):

                def started(status: TranscriptionStatus) -> None:
                    if wait or as_json:  # it is charged, even if the result cannot be printed
                        click.echo(f"transcription {status.id} is started again", err=True)
                    if wait:
                        followed(status)

                return await again.start(
                    desk.provider, desk.db, configured, transcription, confirm=None if yes else ask, wait=wait,
                    started=started, progressed=progressed,
                )  # fmt: skip

    found = run(work())
    if as_json:
        print_json(found.model_dump(mode="json", exclude={"callback"}))
    else:
        say_done(f"transcription {found.id} is {printable(found.status)}")


@click.command(epilog=examples("receiver delete 4821", "receiver delete 4821 --yes"))
@click.argument("transcription", metavar="ID", callback=transcription_id)
@yes_option
@account_option
def delete(transcription: str, *, yes: bool) -> None:
    """Delete a transcription permanently.

    The provider deletes it with its result and its media. Copies stored here stay.
    """
    configured = configure()

    def ask(status: TranscriptionStatus) -> None:
        click.echo(line(status), err=True)
        confirm("Delete it at the provider, permanently?")

    async def work() -> TranscriptionStatus:
        async with opened(configured) as desk:
            return await deleting.delete(desk.provider, transcription, confirm=None if yes else ask)

    say_done(f"transcription {run(work()).id} is deleted")
