"""`submissions.results`: how a submission ends, and its text."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.submissions import records, results
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from tests.submissions.submitting import Bench, bench


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
