"""`submissions.finding`: a lost answer is found only where it is certain whose it is."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from receiver import settings
from receiver.database import Pool
from receiver.submissions import finding, ordering, records
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission
from tests.commands import LIST, Scripted, Simulated, error
from tests.submissions.submitting import Bench, audio_bench, bench_at, transcribe_bench, with_links

SEPARATE = "/audio/separate"


@pytest.fixture(scope="module")
def silent() -> Iterator[Simulated]:
    """Yield a provider whose jobs do not say which file they are about."""
    with with_links().running() as running:
        yield running


@pytest.fixture(scope="module")
def naming() -> Iterator[Simulated]:
    """Yield a provider whose jobs name their file."""
    with with_links(names_file="yes").running() as running:
        yield running


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str, silent: Simulated) -> AsyncIterator[Bench]:
    # With another key, because the provider lists all jobs of a key.
    async with bench_at(silent.begin_anew(), db, receiver_database) as found:
        yield found


def lose(provider: Simulated, times: int = 1) -> None:
    """Let answers to orders get lost, although the work is done."""
    provider.plan(endpoint=SEPARATE, kind="html", times=times)


async def lost(here: Bench, **wishes: Any) -> Submission:
    """Submit something of an hour, as the simulated recordings are."""
    asked = here.asked("talk.wav", operation="separation", **wishes)
    submission = await _submit(here, asked)
    return await here.worked(submission)


async def _submit(here: Bench, asked: Any) -> Submission:
    return (await ordering.submit(here.client, here.db, replace(asked, duration_seconds=3600), here.shelf))[0]


async def test_the_only_work_that_fits_is_the_lost_one(here: Bench, silent: Simulated) -> None:
    lose(silent)
    submission = await lost(here)
    assert (submission.state, submission.paid_tries) == (State.ACCEPTED, 1)
    assert submission.remote_id is not None


async def test_what_this_version_cannot_ask_about_is_for_a_person(here: Bench) -> None:
    submission = await _submit(here, here.asked("talk.wav", operation="separation"))
    await records.move(here.db, submission.id, State.SENT, Change(tries=1))
    await here.db.execute("""update receiver.submissions set wishes = '{"new": 1}'""")
    assert (await here.worked(submission)).state is State.UNKNOWN
    assert [event.type for event in await here.events()] == ["submission.unknown"]


async def test_of_two_lost_ones_nobody_knows_which_is_which(here: Bench, silent: Simulated) -> None:
    lose(silent)
    first = await _submit(here, here.asked("talk.wav", operation="separation", sample_rate=8000))
    second = await _submit(here, here.asked("talk.wav", operation="separation", sample_rate=16000))
    await records.move(here.db, second.id, State.SENT, Change(tries=1))  # its worker died
    async with here.working():
        await here.until_job(first, "done")
        await here.until_job(second, "done")
    found = [await here.now(one) for one in (first, second)]
    assert [(one.state, one.remote_id) for one in found] == [(State.UNKNOWN, None)] * 2


async def test_a_work_of_another_length_is_not_the_lost_one(here: Bench, silent: Simulated) -> None:
    lose(silent)
    submission = await here.worked(await here.submit("talk.wav", operation="separation"))  # of a minute, as we think
    assert (submission.state, submission.remote_id) == (State.UNKNOWN, None)


async def test_a_work_that_another_submission_has_is_not_the_lost_one(here: Bench, silent: Simulated) -> None:
    await here.worked(await _submit(here, here.asked("talk.wav", operation="separation")))
    silent.plan(endpoint=SEPARATE, kind="500")  # nothing is done, but nobody knows that
    submission = await lost(here, sample_rate=8000)
    assert submission.state is State.UNKNOWN


async def test_a_list_that_is_refused_for_good_leaves_it_to_a_person_and_not_to_a_dead_job(
    db: Pool, receiver_database: str
) -> None:
    async with audio_bench(db, receiver_database) as here:
        here.transport.before = _refuse_lists
        here.plan("500", SEPARATE)
        assert (await lost(here)).state is State.UNKNOWN
        assert [event.type for event in await here.events()] == ["submission.unknown"]


async def _refuse_lists(request: httpx.Request) -> httpx.Response | None:
    return httpx.Response(403, json={}) if request.method == "GET" else None


async def test_another_account_with_the_same_key_has_the_same_works(here: Bench, silent: Simulated) -> None:
    taken = await here.worked(await _submit(here, here.asked("talk.wav", operation="separation")))
    await here.db.execute("update receiver.submissions set account = 'other' where id = $1", taken.id)
    silent.plan(endpoint=SEPARATE, kind="500")  # nothing is done, but nobody knows that
    assert (await lost(here, sample_rate=8000)).state is State.UNKNOWN


async def test_a_lost_work_of_another_account_with_the_same_key_makes_it_uncertain(
    here: Bench, silent: Simulated
) -> None:
    other = await _submit(here, here.asked("talk.wav", operation="separation", sample_rate=16000))
    await records.move(here.db, other.id, State.SENT, Change(tries=1))
    await here.db.execute("update receiver.submissions set account = 'other' where id = $1", other.id)
    lose(silent)
    assert (await lost(here)).state is State.UNKNOWN


async def test_works_that_name_their_file_are_told_apart(db: Pool, receiver_database: str, naming: Simulated) -> None:
    async with bench_at(naming, db, receiver_database) as here:
        lose(naming, times=2)
        first, second = await lost(here), await lost(here, sample_rate=8000)
        assert [first.state, second.state] == [State.ACCEPTED, State.ACCEPTED]
        assert first.remote_id != second.remote_id
        charged = [charge["id"] for charge in naming.http.get("/sandbox/charges").json()]
        assert (len(charged), set(charged)) == (2, {first.remote_id, second.remote_id})


async def test_the_works_are_shown_although_the_balance_cannot_be_told(db: Pool, receiver_database: str) -> None:
    async with transcribe_bench(db, receiver_database) as here:
        submission = await here.submit()
        await records.move(db, submission.id, State.SENT, Change(tries=1))
        lost = await records.move(db, submission.id, State.UNKNOWN)
    assert lost is not None
    with Scripted().running() as provider:
        work = {"id": 7, "status": "processing", "title": "talk.mp3", "source": "upload", "duration_seconds": 60}
        provider.answers = {
            LIST: [(200, {"data": [work]})],
            "GET /api/v1/me": [(403, error("forbidden", "This key tells no balance."))],
        }
        configured = settings.load(TRANSCRIBE_API_URL=provider.url, TRANSCRIBE_API_KEY="tsk_test_x")
        found = await finding.evidence(configured, db, lost)
    assert ([one.remote_id for one in found.candidates], found.balance) == (["7"], None)
