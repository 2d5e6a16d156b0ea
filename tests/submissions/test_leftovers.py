"""`submissions.leftovers`: what a dead job leaves behind is told, and nothing that was paid for is thrown away."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.events import AccountId
from receiver.providers.orders import Media
from receiver.submissions import ids, ordering, records, resolving, results
from receiver.submissions.asking import Terms
from receiver.submissions.leftovers import Leftovers
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from receiver.submissions.working import NO_ANSWER
from tests.submissions.submitting import AUDIO_ACCOUNT, FILE, Bench, bench
from tests.worker.working import until

URL = "https://files.test/talk.mp3"


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with bench(db, receiver_database) as found:
        yield found


def leftovers(here: Bench, *accounts: AccountId) -> Leftovers:
    return Leftovers(here.db, accounts, here.interested, here.shelf)


async def end_dead(here: Bench) -> None:
    await leftovers(here, AUDIO_ACCOUNT.id, here.account.id).end_dead()


async def kill(here: Bench) -> None:
    """Let every job be dead."""
    await here.db.execute("update receiver.jobs set state = 'dead', error = 'its tries are used up'")


async def unsendable(here: Bench, submission: Submission) -> None:
    """Let this version not know the options of a submission, as after a downgrade, and let its job die of that."""
    await here.db.execute("""update receiver.submissions set wishes = '{"new": 1}'""")
    await here.worked(submission, "dead")


async def test_what_cannot_be_sent_fails_with_its_event_and_can_be_asked_for_again(here: Bench) -> None:
    here.wanted["transcription.failed"] = ("tell-me",)
    submission = await here.submit()
    await unsendable(here, submission)
    assert ((await here.now(submission)).state, await here.events()) == (State.UPLOADED, [])
    await end_dead(here)
    failed = await here.worked(submission)
    assert (failed.state, here.paying_requests()) == (State.FAILED, 0)
    assert (failed.error or "").startswith("its job was given up: this version does not know its options")
    (event,) = await here.events()
    assert (event.key, event.type, [job.handler for job in event.jobs]) == (
        failed.event, "transcription.failed", ["tell-me"],
    )  # fmt: skip
    another = await here.worked(await here.submit(terms=Terms(again=True)))
    assert (another.id != failed.id, another.state, here.charges()) == (True, State.DONE, 1)


async def test_whoever_waits_hears_of_the_failure_and_not_of_the_job(here: Bench) -> None:
    submission = await here.submit()
    await kill(here)

    async def waiting(_: Submission) -> None:
        await end_dead(here)

    assert (await results.until_over(here.db, submission.id, waiting)).state is State.FAILED


async def test_an_address_that_never_came_fails_with_its_event(here: Bench) -> None:
    submission, _ = await ordering.submit(here.client, here.db, replace(here.asked(), file=None, url=URL), here.shelf)
    await kill(here)
    await end_dead(here)
    submission = await here.worked(submission)
    assert (submission.state, submission.error) == (State.FAILED, "its job was given up: its tries are used up")
    assert [event.type for event in await here.events()] == ["transcription.failed"]


async def test_what_was_sent_is_unknown_and_a_person_hears_of_it(here: Bench) -> None:
    submission = await here.submit()
    await records.move(here.db, submission.id, State.SENT, Change(tries=1))
    await kill(here)
    await end_dead(here)
    submission = await here.worked(submission)
    assert (submission.state, submission.error, here.paying_requests()) == (State.UNKNOWN, NO_ANSWER, 0)
    assert [event.type for event in await here.events()] == ["submission.unknown"]


async def test_what_could_not_be_sent_again_is_unknown_again_with_an_event_of_its_own(here: Bench) -> None:
    here.plan("html")
    submission = await here.worked(await here.submit())
    async with here.db.acquire() as connection:
        await resolving.again(connection, submission.id)
    await unsendable(here, submission)
    for _ in range(2):
        await end_dead(here)
    submission = await here.now(submission)
    assert (submission.state, submission.paid_tries, here.paying_requests()) == (State.UNKNOWN, 1, 1)
    events = await here.events()
    assert [(event.type, event.deliveries) for event in events] == [("submission.unknown", 1)] * 2
    assert "does not know its options" in (await here.data(events[1]))["submission"]["error"]
    async with here.db.acquire() as connection:
        await resolving.give_up(connection, submission.id)
    assert (await here.worked(submission)).state is State.FAILED


async def test_what_could_not_be_fetched_again_once_an_answer_was_lost_is_unknown(here: Bench) -> None:
    submission, _ = await ordering.submit(here.client, here.db, replace(here.asked(), file=None, url=URL), here.shelf)
    for state, change in (
        (State.UPLOADED, Change()), (State.SENT, Change(tries=1)), (State.UNKNOWN, Change()),
        (State.UPLOADED, Change(permitted=1)), (State.INTENDED, Change()),
    ):  # fmt: skip
        assert await records.move(here.db, submission.id, state, change) is not None
    await kill(here)
    await end_dead(here)
    assert ((await here.now(submission)).state, (await here.job(submission)).state) == (State.UNKNOWN, "dead")
    assert [event.type for event in await here.events()] == ["submission.unknown"]


async def test_what_is_paid_for_stays_as_it_is(here: Bench) -> None:
    submission = await here.submit()
    for state, tries in ((State.SENT, 1), (State.ENDED, 0)):
        await records.move(here.db, submission.id, state, Change(tries=tries))
    await kill(here)
    await end_dead(here)
    assert ((await here.now(submission)).state, (await here.job(submission)).state) == (State.ENDED, "dead")


async def test_a_job_that_waits_and_the_jobs_of_other_accounts_are_left_alone(here: Bench) -> None:
    submission = await here.submit()
    await end_dead(here)
    assert (await here.now(submission)).state is State.UPLOADED
    await kill(here)
    others = replace(here.account, name="other").id
    await leftovers(here, others).end_dead()
    assert (await here.now(submission)).state is State.UPLOADED


def put_aside(here: Bench, submission: Submission, age: timedelta = timedelta(0)) -> Path:
    """Put a recording aside, with what a broken copy leaves beside it."""
    here.shelf.put_aside(submission, Media(FILE, "talk.mp3", FILE.stat().st_size))
    waiting = here.shelf.place / "waiting" / submission.id
    waiting.with_name(f"{waiting.name}.part").touch()
    for path in waiting.parent.glob(f"{waiting.name}*"):
        os.utime(path, (time.time() - age.total_seconds(),) * 2)
    return waiting


async def test_recordings_are_removed_that_nobody_needs_any_more(here: Bench) -> None:
    over, waits = await here.submit("fail.mp3"), await here.submit(prompt="waits")
    day = timedelta(days=1, minutes=1)
    old, needed = put_aside(here, over, day), put_aside(here, waits, day)
    stranger = put_aside(here, replace(over, id=ids.new()), day)
    lately = put_aside(here, replace(over, id=ids.new()))
    another = old.with_name("a person's file")
    another.touch()
    os.utime(another, (0, 0))
    for state, tries in ((State.SENT, 1), (State.FAILED, -1)):
        await records.move(here.db, over.id, state, Change(tries=tries))
    await leftovers(here).remove_files()
    kept = {path.name for path in old.parent.iterdir()}
    assert kept == {path.name for one in (needed, lately) for path in (one, Path(f"{one}.part"))} | {another.name}
    assert not {old.name, stranger.name} & kept


async def test_without_a_folder_there_is_nothing_to_remove(here: Bench) -> None:
    await leftovers(here).remove_files()
    assert not list(here.shelf.place.iterdir())


async def test_a_worker_looks_at_both_as_soon_as_it_starts(here: Bench) -> None:
    submission = await here.submit()
    waiting = put_aside(here, submission)
    await kill(here)
    watching = asyncio.create_task(leftovers(here, here.account.id).watch())
    await here.until_state(submission, State.FAILED)

    async def is_gone() -> bool:
        return not waiting.exists()

    await until(is_gone)
    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching


async def test_what_killed_workers_have_fetched_and_sent_is_removed(here: Bench) -> None:
    over = await here.submit("fail.mp3")
    fetched = here.shelf.place / "fetched" / "0123456789abcdef" / "0" / "voice.wav"
    on_its_way = here.shelf.place / "waiting" / f"{over.id}.brought" / "voice.wav"
    for path in (fetched, on_its_way):
        path.parent.mkdir(parents=True)
        path.touch()
    await leftovers(here).remove_files()
    assert (fetched.exists(), on_its_way.exists()) == (False, True)
    for state, tries in ((State.SENT, 1), (State.FAILED, -1)):
        await records.move(here.db, over.id, state, Change(tries=tries))
    await leftovers(here).remove_files()
    assert not on_its_way.parent.exists()
