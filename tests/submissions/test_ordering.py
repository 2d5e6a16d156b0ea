"""`submissions.ordering`: the same again means the same submission, and an upload goes on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.errors import ImpossibleError, ProviderUnavailable
from receiver.inbox import deliveries
from receiver.providers.orders import Media
from receiver.providers.thunderscribe import PIECE_BYTES
from receiver.submissions import ordering, records
from receiver.submissions.asking import Terms
from receiver.submissions.moves import State
from receiver.submissions.records import Submission
from tests.submissions.submitting import Bench, bench

AGAIN = Terms(again=True)


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with bench(db, receiver_database) as found:
        yield found


async def all_of(here: Bench) -> list[Submission]:
    return await records.recent(here.db, None, None)


async def test_the_same_content_under_another_name_is_the_same_submission(here: Bench) -> None:
    first = await here.submit("talk.mp3")
    asked = len(here.sandbox.asked)
    found, is_new = await ordering.submit(here.client, here.db, here.asked("copy.mp3"), here.shelf)
    assert (found, is_new) == (first, False)
    assert len(here.sandbox.asked) == asked, "nothing was sent"


@pytest.mark.parametrize("state", [State.SENT, State.UNKNOWN, State.FAILED])
async def test_it_is_the_same_whatever_became_of_it(here: Bench, state: State) -> None:
    first = await here.submit()
    await records.move(here.db, first.id, State.SENT)
    if state is not State.SENT:
        await records.move(here.db, first.id, state)
    assert (await here.submit()).id == first.id


async def test_another_option_or_another_content_is_another_submission(here: Bench, tmp_path: Path) -> None:
    other = tmp_path / "talk.mp3"
    other.write_bytes(b"other")
    found = {(await here.submit()).id, (await here.submit(diarization=True)).id}
    asked = replace(here.asked(), file=Media(other, "talk.mp3", 5))
    found.add((await ordering.submit(here.client, here.db, asked, here.shelf))[0].id)
    assert len(found) == 3


async def test_again_makes_a_new_one_and_without_it_the_newest_is_meant(here: Bench) -> None:
    first, second = await here.submit(), await here.submit(terms=AGAIN)
    assert first.id != second.id
    assert (await here.submit()).id == second.id
    assert {first.asked} == {second.asked}


async def test_again_goes_on_with_one_that_was_not_handed_over(here: Bench) -> None:
    here.plan("500", "/v1/upload")
    with pytest.raises(ProviderUnavailable):
        await here.submit(terms=AGAIN)
    await here.submit(terms=AGAIN)
    assert len(await all_of(here)) == 1


async def test_a_key_of_the_caller_means_one_submission_and_nothing_else(here: Bench) -> None:
    first = await here.submit(terms=Terms(idempotency_key="mine"))
    assert (await here.submit(terms=Terms(idempotency_key="mine"))).id == first.id
    assert (await here.submit()).id != first.id
    with pytest.raises(ImpossibleError, match="this key was used for something else"):
        await here.submit(terms=Terms(idempotency_key="mine"), diarization=True)


async def test_twice_at_the_same_time_is_once(here: Bench) -> None:
    found = await asyncio.gather(*(here.submit() for _ in range(8)))
    assert len({submission.id for submission in found}) == 1
    work = await deliveries.find(here.db, found[0].id)
    assert [len(event.jobs) for event in work] == [1]
    await here.worked(found[0])
    assert here.charges() == 1


async def test_an_upload_that_broke_goes_on_where_it_was(here: Bench, tmp_path: Path) -> None:
    large = tmp_path / "large.mp3"
    large.write_bytes(bytes(2 * PIECE_BYTES + 1))
    asked = replace(here.asked(), file=Media(large, "large.mp3", 2 * PIECE_BYTES + 1))
    arrived = list[int]()

    async def submit() -> Submission:
        return (
            await ordering.submit(here.client, here.db, asked, here.shelf, sending=lambda sent, _: arrived.append(sent))
        )[0]

    pieces = 0

    async def refuse_the_second(_: object) -> None:
        nonlocal pieces
        pieces += 1
        if pieces == 2:
            here.plan("429", "/v1/upload")

    here.transport.before = refuse_the_second
    with pytest.raises(Exception, match="429"):
        await submit()
    (broken,) = await all_of(here)
    assert (broken.state, broken.upload["sent"]) == (State.INTENDED, PIECE_BYTES)
    here.transport.before = None
    assert arrived == [0, PIECE_BYTES]


async def test_nothing_is_written_of_what_the_provider_would_refuse(here: Bench) -> None:
    with pytest.raises(ImpossibleError, match="2 hours"):
        replace(here.asked(), duration_seconds=7201)
    with pytest.raises(ImpossibleError, match="only from https:// addresses: nothing was sent"):
        replace(here.asked(), file=None, url="http://example.com/talk.mp3")
    with pytest.raises(ImpossibleError, match="nobody knows what it will cost, because thunderscribe names no price"):
        here.asked(terms=Terms(max_charge=3))
    assert await all_of(here) == []
