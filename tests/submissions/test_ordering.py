"""`submissions.ordering`: the same again means the same submission, and an upload goes on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from receiver.database import Pool
from receiver.errors import ImpossibleError, ProviderUnavailable
from receiver.inbox import listing
from receiver.providers import TranscribeSo
from receiver.providers.orders import Media
from receiver.providers.thunderscribe import PIECE_BYTES
from receiver.submissions import foreseen, ordering, recordings, records
from receiver.submissions.asking import Asked, Terms, Work, read, work_of
from receiver.submissions.moves import State
from receiver.submissions.records import Submission
from tests.submissions.submitting import Bench, audio_bench, bench, server_bench, transcribe_bench

AGAIN = Terms(again=True)
OPTION = "input_srt_file_id"
SRT = b"1\n00:00:01,000 --> 00:00:02,000\nYes.\n"


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


async def test_the_ceiling_that_was_named_last_counts(db: Pool, receiver_database: str) -> None:
    async with transcribe_bench(db, receiver_database) as here:
        work = Work("transcription", TranscribeSo.operations["transcription"]())
        asked = Asked(TranscribeSo, here.account, work, url="https://media.test/talk.mp3", duration_seconds=60)
        with pytest.raises(ImpossibleError, match="more than"):
            await ordering.submit(here.client, db, replace(asked, terms=Terms(max_charge=0)), here.shelf)
        assert await all_of(here) == [], "it would look like work under way"
        submission, is_new = await ordering.submit(
            here.client, db, replace(asked, terms=Terms(max_charge=5)), here.shelf
        )
        assert (submission.state, submission.max_charge, is_new) == (State.UPLOADED, 5, True)
        submission, _ = await ordering.submit(here.client, db, replace(asked, terms=Terms(max_charge=9)), here.shelf)
        assert (await here.now(submission)).max_charge == 5, "a worker has it already"


async def test_a_length_that_somebody_said_makes_no_other_submission(db: Pool, receiver_database: str) -> None:
    page = "https://media.test/talk.mp3"
    async with transcribe_bench(db, receiver_database) as here:
        for seconds in (60.0, 600.0):
            recording = recordings.of_address(page, None, "auto", seconds)
            await ordering.submit(
                here.client, db, foreseen.asked_of(recording, None, here.account, Terms()), here.shelf
            )
            work = work_of(TranscribeSo, "transcription", [("duration_seconds", str(seconds))])
            await ordering.submit(here.client, db, read(TranscribeSo, here.account, work, page), here.shelf)
        (found,) = await all_of(here)
        assert (found.state, found.duration_seconds) == (State.UPLOADED, 60)


async def test_what_has_changed_while_it_was_put_aside_is_not_submitted(
    db: Pool, receiver_database: str, tmp_path: Path
) -> None:
    path = tmp_path / "talk.mp3"
    path.write_bytes(b"longer than it was")
    async with server_bench(db, receiver_database) as here:
        asked = replace(here.asked(), file=Media(path, "talk.mp3", 6))
        with pytest.raises(ImpossibleError, match=r"talk\.mp3 changed while it was copied"):
            await ordering.submit(here.client, db, asked, here.shelf)
        assert [one.state for one in await all_of(here)] == [State.INTENDED]
        assert not [one for one in here.shelf.place.rglob("*") if one.is_file()]


async def test_twice_at_the_same_time_is_once(here: Bench) -> None:
    found = await asyncio.gather(*(here.submit() for _ in range(8)))
    assert len({submission.id for submission in found}) == 1
    work = await listing.find(here.db, found[0].id)
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


# --- options that are files ------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def audio(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with audio_bench(db, receiver_database) as found:
        yield found


def diarized(audio: Bench, path: Path, content: bytes = SRT) -> Asked:
    """Return a diarization that is asked for with a file of subtitles."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    work = work_of(type(audio.client), "diarization", [(OPTION, f"@{path}")])
    return replace(audio.asked("talk.wav", operation="diarization"), work=work)


async def handed_over(audio: Bench, asked: Asked) -> Submission:
    return (await ordering.submit(audio.client, audio.db, asked, audio.shelf))[0]


async def test_an_option_that_is_a_file_is_uploaded_and_its_id_is_sent(audio: Bench, tmp_path: Path) -> None:
    found = await handed_over(audio, diarized(audio, tmp_path / "talk.srt"))
    names = {file.id: file.filename for file in audio.sandbox.timbr_audio.files.values()}
    assert [names[found.wishes[OPTION]], names[found.remote_file or ""]] == ["talk.srt", "talk.wav"]
    await audio.worked(found)
    (job,) = audio.sandbox.timbr_audio.jobs.values()
    assert (job.order.file_id, job.order.wishes[OPTION]) == (found.remote_file, found.wishes[OPTION])


async def test_what_was_asked_for_is_kept_and_told_by_the_name_of_the_file(audio: Bench, tmp_path: Path) -> None:
    found = await handed_over(audio, diarized(audio, tmp_path / "talk.srt"))
    assert found.to_json()["options"] == found.options == {**found.wishes, OPTION: "@talk.srt"}
    await records.move(audio.db, found.id, State.SENT)
    await records.move(audio.db, found.id, State.FAILED)
    await audio.worked(found)
    (event,) = await audio.events()
    assert (await audio.data(event))["submission"]["options"][OPTION] == "@talk.srt"


async def test_the_content_of_such_a_file_decides_and_not_its_name_or_its_id(audio: Bench, tmp_path: Path) -> None:
    first = await handed_over(audio, diarized(audio, tmp_path / "talk.srt"))
    uploaded = len(audio.sandbox.timbr_audio.files)
    assert await handed_over(audio, diarized(audio, tmp_path / "elsewhere" / "other.srt")) == first
    assert len(audio.sandbox.timbr_audio.files) == uploaded, "nothing was sent"
    other = await handed_over(audio, diarized(audio, tmp_path / "talk.srt", SRT.replace(b"Yes", b"No")))
    plain = await handed_over(audio, audio.asked("talk.wav", operation="diarization"))
    assert len({first.id, other.id, plain.id}) == 3


@pytest.mark.parametrize("good", [0, 1], ids=["its own upload", "that of the recording"])
async def test_a_file_is_uploaded_again_if_an_upload_broke(audio: Bench, tmp_path: Path, good: int) -> None:
    announced = 0

    async def refuse(request: httpx.Request) -> None:
        nonlocal announced
        if request.url.path.endswith("/upload"):
            announced += 1
            if announced > good:
                audio.plan("500", "/upload")

    audio.transport.before = refuse
    asked = diarized(audio, tmp_path / "talk.srt")
    with pytest.raises(ProviderUnavailable):
        await handed_over(audio, asked)
    (broken,) = await all_of(audio)
    assert (broken.state, broken.wishes[OPTION], broken.upload) == (State.INTENDED, "@talk.srt", {})
    audio.transport.before = None
    found = await handed_over(audio, asked)
    assert (found.id, found.state) == (broken.id, State.UPLOADED)
    *_, subtitles, recording = audio.sandbox.timbr_audio.files.values()
    assert (found.wishes[OPTION], found.remote_file) == (subtitles.id, recording.id)
    assert (subtitles.filename, recording.filename) == ("talk.srt", "talk.wav")


async def test_ids_are_kept_only_until_the_submission_is_handed_over(audio: Bench, tmp_path: Path) -> None:
    found = await handed_over(audio, diarized(audio, tmp_path / "talk.srt"))
    await records.keep_file_ids(audio.db, found.id, {OPTION: "later"})
    assert await audio.now(found) == found
