"""`transcribe` with a database: submit one recording, and wait until the provider has it."""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import click

from receiver.cli import submit, terminal
from receiver.cli.options import refuse_again_with_key
from receiver.cli.printing import print_json
from receiver.cli.process import interruptible, paid_once, run
from receiver.database import Pool
from receiver.database.opening import open_database, open_pool
from receiver.errors import ImpossibleError
from receiver.health import telling
from receiver.logs import printable
from receiver.providers import TranscribeSo, content
from receiver.providers.archive import Archive
from receiver.providers.opening import open_client
from receiver.settings import Settings
from receiver.submissions import asking, following, results
from receiver.submissions.asking import Asked, Terms
from receiver.submissions.price import dollars
from receiver.submissions.records import Submission
from receiver.submissions.shelf import open_shelf


@dataclass(frozen=True, slots=True)
class Typed:
    """What was typed: the provider, the account, and the options of the operation."""

    provider: str
    account: str
    options: tuple[tuple[str, str], ...]


def with_another_provider(
    configured: Settings, recording: str, typed: Typed, terms: Terms, *, wait: bool, as_json: bool
) -> None:  # fmt: skip
    """Submit a recording, and print the provider's id of it, or with `wait` its transcript.

    Raises:
        ImpossibleError: the provider would refuse it, no worker runs, it has failed, or a person must decide.
    """
    refuse_again_with_key(terms.idempotency_key, again=terms.again)
    source = submit.WITH_OPERATIONS[typed.provider]
    operation, pays = asking.transcribing(source), configured.account_of(source.name, typed.account)
    asked = asking.read(source, pays, asking.work_of(source, operation, typed.options), recording, terms)
    with paid_once(again=terms.again), ExitStack() as stack:
        with interruptible():
            url = stack.enter_context(open_database(configured, create=False))
        reached, text = run(_transcribed(configured, url, asked, wait=wait))
    if as_json:
        print_json(reached.to_json() | ({"text": text} if wait else {}))
    else:
        click.echo(text.rstrip("\n") if wait else printable(reached.remote_id or reached.id))


async def _transcribed(configured: Settings, url: str, asked: Asked, *, wait: bool) -> tuple[Submission, str]:
    """Return the submission when the provider has it, or with `wait` when it has ended, and its text."""
    source = asked.source
    async with open_pool(url) as db, open_client(source, asked.account, url) as client:
        sent = await submit.hand_over(client, db, asked, open_shelf(configured))
        click.echo(f"submitted as {sent.id}", err=True)
        with terminal.line() as show:
            waiting = _waiting(db, configured, asked, show)
            reached = await results.until_begun(db, source, sent.id, waiting)
            if wait:
                reached = await results.until_over(db, sent.id, waiting)
        results.require_no_failure(reached)
        return reached, await submit.text_of(client, db, reached) if wait else ""


def with_transcribe_so(configured: Settings, url: str, asked: Asked, *, wait: bool, as_json: bool) -> None:
    """Submit a recording to transcribe.so, and print the provider's id of it, or with `wait` its transcript.

    Raises:
        ImpossibleError: as for `with_another_provider`.
    """
    refuse_again_with_key(asked.terms.idempotency_key, again=asked.terms.again)
    with paid_once(again=asked.terms.again):
        reached, told = run(_followed(configured, url, asked, wait=wait, as_json=as_json))
    if as_json:
        print_json(told | {"submission": reached.id})
    else:
        click.echo(told["text"] if wait else reached.remote_id)


async def _followed(
    configured: Settings, url: str, asked: Asked, *, wait: bool, as_json: bool
) -> tuple[Submission, dict[str, Any]]:  # fmt: skip
    """Return the submission when the provider has it, and what is to be told of it."""
    async with open_pool(url) as db, open_client(TranscribeSo, asked.account, url) as client:
        followed = await following.begin(client, db, configured)
        sent = await submit.hand_over(client, db, asked, open_shelf(configured))
        with terminal.line() as show:
            reached = await results.until_begun(db, TranscribeSo, sent.id, _waiting(db, configured, asked, show))
        if reached.remote_id is None:
            results.require_done(reached)
        assert reached.remote_id is not None, "what was accepted has the provider's id"
        number, charged = int(reached.remote_id), reached.charged
        price = "" if charged is None else f", {dollars(charged, digits=4)}"
        click.echo(f"submitted as transcription {number}{price} ({reached.id})", err=True)
        if not wait:
            return reached, (await client.get(number)).model_dump(mode="json", exclude={"callback"}) if as_json else {}
        with terminal.transcription() as (_, progressed):
            ended = await followed.until_ended(number, progressed=progressed)
        content.require_completed(ended)
        return reached, {"id": number, "text": await content.text(Archive(client, db), ended)}


def _waiting(
    db: Pool, configured: Settings, asked: Asked, show: Callable[[str], None]
) -> Callable[[Submission], Awaitable[None]]:  # fmt: skip
    """Return what shows how far a submission is, and refuses to wait for a worker that does not run or has no key."""

    async def waiting(now: Submission) -> None:
        show(submit.progress(now))
        account = None if now.remote_id else asked.account.id  # what was accepted is followed by whoever runs
        missing = await telling.nobody_sends(db, account, configured.chosen.api_url)
        if missing is not None:
            raise ImpossibleError(f"{missing}; {now.id} stays, and goes on when one runs")

    return waiting
