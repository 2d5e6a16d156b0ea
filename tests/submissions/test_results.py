"""`submissions.results`: how a submission ends, and its text."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.providers import Source, ThunderScribe
from receiver.submissions import ordering, records, results
from receiver.submissions.asking import Asked, Work
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from tests.submissions.submitting import Bench, bench, transcribe_bench


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with bench(db, receiver_database) as found:
        yield found


async def moved(here: Bench, *states: State) -> Submission:
    submission = await here.submit()
    for state in states:
        await records.move(here.db, submission.id, state, Change(tries=1 if state is State.SENT else 0, error="lost"))
    return await here.now(submission)


async def refused(here: Bench, submission: str) -> str:
    with pytest.raises(ImpossibleError) as caught:
        await results.stored_transcript(here.db, submission)
    return str(caught.value)


async def test_the_transcript_of_a_submission_is_found_by_its_id(here: Bench) -> None:
    submission = await here.worked(await here.submit("talk.mp3"))
    asked = len(here.sandbox.asked)
    found = await results.stored_transcript(here.db, submission.id)
    assert (found.title, found.text == "", found.segments == ()) == ("talk", False, False)
    assert len(here.sandbox.asked) == asked


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ((), "{0} is uploaded, so it has no transcript yet: try again when it has ended"),
        ((State.SENT,), "{0} is sent, so it has no transcript yet: try again when it has ended"),
        ((State.SENT, State.ACCEPTED), "{0} is accepted, so it has no transcript yet: try again when it has ended"),
        ((State.SENT, State.FAILED), "{0} has failed: lost"),
        (
            (State.SENT, State.UNKNOWN),
            (
                "the answer to {0} was lost (lost): it may have been done and charged. "
                "`receiver resolve {0}` shows what is known, and lets you decide"
            ),
        ),
        ((State.SENT, State.ENDED, State.DONE), "the transcript of {0} is not stored any more"),
    ],
    ids=str,
)
async def test_without_a_transcript_it_says_why(here: Bench, states: tuple[State, ...], said: str) -> None:
    submission = await moved(here, *states)
    assert await refused(here, submission.id) == said.format(submission.id)


async def test_a_lost_answer_says_who_decides(here: Bench) -> None:
    submission = await moved(here, State.SENT, State.UNKNOWN)
    assert f"`receiver resolve {submission.id}` shows what is known" in await refused(here, submission.id)


async def test_what_brings_files_alone_says_where_they_are(here: Bench) -> None:
    submission = await moved(here, State.SENT, State.ENDED, State.DONE)
    await here.db.execute("update receiver.submissions set operation = 'separation' where id = $1", submission.id)
    said = f"{submission.id} brings files and no transcript (separation): `receiver artifacts {submission.id}` lists"
    assert said in await refused(here, submission.id)


async def test_an_id_that_none_has_is_said_to_be_none(here: Bench) -> None:
    assert await refused(here, "sub_0") == "there is no submission sub_0"


# --- waiting ---------------------------------------------------------------------------------------------------------


class Later(ThunderScribe):
    """A source that says at once that it has begun."""

    synchronous = False


class Moving:
    """Notes each state that a submission waits in, and moves it on."""

    def __init__(self, here: Bench, *states: State) -> None:
        self.here, self.states, self.waited = here, list(states), list[str]()

    async def __call__(self, now: Submission) -> None:
        self.waited.append(now.state)
        state = self.states.pop(0)
        change = Change(tries=1 if state is State.SENT else 0, remote_id="4821" if state is State.ACCEPTED else None)
        await records.move(self.here.db, now.id, state, change)


@pytest.mark.parametrize(
    ("source", "states", "waited", "reached"),
    [
        (Later, (State.SENT, State.ACCEPTED), ["uploaded", "sent"], State.ACCEPTED),
        (Later, (State.SENT, State.ENDED), ["uploaded", "sent"], State.ENDED),
        (Later, (State.SENT, State.FAILED), ["uploaded", "sent"], State.FAILED),
        (Later, (State.SENT, State.UNKNOWN, State.ACCEPTED), ["uploaded", "sent", "unknown"], State.ACCEPTED),
        (ThunderScribe, (State.SENT, State.ENDED, State.DONE), ["uploaded", "sent", "ended"], State.DONE),
    ],
    ids=str,
)
async def test_it_has_begun_when_the_provider_has_it_and_else_when_its_answer_is_here(
    here: Bench, source: type[Source], states: tuple[State, ...], waited: list[str], reached: State
) -> None:
    moving = Moving(here, *states)
    submission = await here.submit()
    assert (await results.until_begun(here.db, source, submission.id, moving)).state is reached
    assert moving.waited == waited


async def test_a_lost_answer_is_not_waited_for_when_its_job_has_ended(db: Pool, receiver_database: str) -> None:
    async with transcribe_bench(db, receiver_database) as here:
        work = Work("transcription", here.client.operations["transcription"]())
        asked = Asked(type(here.client), here.account, work, url="https://media.test/talk.mp3")
        submission, _ = await ordering.submit(here.client, db, asked, here.shelf)
        await db.execute("update receiver.jobs set state = 'done'")
        moving = Moving(here, State.SENT, State.UNKNOWN)
        assert (await results.until_over(db, submission.id, moving)).state is State.UNKNOWN
        assert moving.waited == ["uploaded", "sent"]


async def test_its_end_is_waited_for_beyond_that(here: Bench) -> None:
    moving = Moving(here, State.SENT, State.ACCEPTED, State.ENDED, State.DONE)
    submission = await here.submit()
    assert (await results.until_over(here.db, submission.id, moving)).state is State.DONE
    assert moving.waited == ["uploaded", "sent", "accepted", "ended"]


@pytest.mark.parametrize("state", [State.FAILED, State.UNKNOWN])
async def test_what_is_under_way_is_no_failure_and_what_rests_without_a_result_is(here: Bench, state: State) -> None:
    results.require_no_failure(await moved(here, State.SENT))
    submission = await here.submit(prompt="another one")
    await records.move(here.db, submission.id, State.SENT, Change(tries=1))
    await records.move(here.db, submission.id, state, Change(error="lost"))
    with pytest.raises(ImpossibleError, match="lost"):
        results.require_no_failure(await here.now(submission))
