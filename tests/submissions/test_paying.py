"""`submissions.paying`: the answer of a source that repeats its answers is asked for again, and charged once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest_asyncio
from pydantic import SecretStr

from receiver.database import Pool
from receiver.providers import TranscribeSo
from receiver.submissions import ordering, records
from receiver.submissions.asking import Asked, Terms, Work
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from tests.submissions.submitting import Bench, transcribe_bench

POST = "/transcriptions"


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with transcribe_bench(db, receiver_database) as found:
        yield found


async def submit(here: Bench, key: str) -> Submission:
    work = Work("transcription", TranscribeSo.operations["transcription"]())
    terms = Terms(idempotency_key=key)
    asked = Asked(TranscribeSo, here.account, work, url=f"https://media.test/{key}.mp3", terms=terms)
    return (await ordering.submit(here.client, here.db, asked, here.shelf))[0]


def works(here: Bench) -> list[int]:
    """Return the ids of the works of all keys, newest last, without the example that each key has."""
    return sorted(
        number
        for account in here.sandbox.transcribe_so.accounts.values()
        for number in list(account.transcriptions)[1:]
    )


async def test_a_lost_answer_is_asked_for_again_and_paid_once(here: Bench) -> None:
    here.plan("html", POST)
    submission = await here.worked(await submit(here, "talk"))
    assert (submission.state, submission.paid_tries) == (State.ACCEPTED, 1)
    assert works(here) == [int(submission.remote_id or 0)]


async def test_another_key_does_not_ask_again_because_it_would_pay_anew(here: Bench) -> None:
    submission = await submit(here, "talk")
    here.plan("html", POST)

    async def cut(request: httpx.Request) -> None:
        if works(here):
            raise httpx.ReadError("gone", request=request)

    here.transport.before = cut
    assert (await here.worked(submission, "pending")).state is State.UNKNOWN
    here.transport.before = None
    await here.db.execute("update receiver.jobs set due_at = now()")
    async with TranscribeSo(here.account.api_url, SecretStr("tsk_test_new"), transport=here.transport) as client:
        submission = await replace(here, client=client).worked(submission)
    assert (submission.state, len(works(here))) == (State.UNKNOWN, 1)
    assert [event.type for event in await here.events()] == ["submission.unknown"]


async def test_an_answer_that_cannot_be_kept_is_asked_for_once_and_then_a_person_is_asked(here: Bench) -> None:
    other, asked = await submit(here, "other"), list[str]()
    await records.move(here.db, other.id, State.SENT, Change(tries=1))
    await here.db.execute("update receiver.jobs set state = 'dead'")
    submission = await submit(here, "talk")
    here.plan("html", POST)

    async def take(request: httpx.Request) -> None:
        if request.method == "POST":
            asked.append(request.url.path)
        if len(asked) == 2:  # a person says that the work is that of the other one
            change = Change(remote_id=str(works(here)[-1]), look_after=timedelta(days=1))
            await records.move(here.db, other.id, State.ACCEPTED, change)

    here.transport.before = take
    submission = await here.worked(submission)
    assert (submission.state, len(asked), len(works(here))) == (State.UNKNOWN, 2, 1)
