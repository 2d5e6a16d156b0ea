"""`submissions.texts`: a transcript that is here already is handed in as a file with subtitles."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio

from receiver import settings
from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.inbox import artifacts
from receiver.inbox.artifacts import Artifact
from receiver.providers import ThunderScribe, Timbr, archive
from receiver.providers.archive import Subject
from receiver.providers.orders import Media
from receiver.settings import Account
from receiver.submissions import announcing, records, results, texts
from receiver.submissions.moves import State
from receiver.submissions.records import Change, Submission, Wanted
from receiver.transcripts import subtitles
from tests.sandbox.simulated import URL
from tests.submissions.submitting import Bench, bench

READER = settings.load(TRANSCRIBE_API_URL=URL)  # it has no key, so nobody is asked
SRT = b"\xef\xbb\xbf7\r\n00:00:01,000 --> 00:00:02,000\r\nAda: Yes.\r\n"


@pytest_asyncio.fixture
async def here(db: Pool, receiver_database: str) -> AsyncIterator[Bench]:
    async with bench(db, receiver_database) as found:
        yield found


async def transcribed(here: Bench, *, title: str, files: Sequence[str] = ("talk.srt",), raw: bytes = SRT) -> Submission:
    """Return a transcription of Timbr that is done; its files lie on another machine."""
    wanted = Wanted(
        account=Account("timbr", "default", URL).id, key_fingerprint="", operation="transcription", wishes={},
        recording="talk.wav", url=None, title=title, duration_seconds=None, bytes=1, asked="a", if_lost="ask", unit="",
    )  # fmt: skip
    made = await records.intend(here.db, wanted, "a-1")
    assert made is not None
    for state in (State.UPLOADED, State.SENT, State.ENDED, State.DONE):
        await records.move(here.db, made.id, state, Change(tries=state is State.SENT))
    made = await here.now(made)
    await archive.keep(here.db, announcing.subject(made), "result", raw)
    there = [Artifact(name, None, len(raw), "00", f"/another/machine/{name}") for name in files]
    await artifacts.keep(here.db, made.id, there)
    return made


async def subtitled(here: Bench, typed: str, folder: Path) -> Media:
    found = await texts.subtitled(here.db, here.url, READER, [typed], folder)
    assert [*found] == [typed]
    return found[typed]


async def test_a_submission_is_read_with_its_own_account(here: Bench, tmp_path: Path) -> None:
    elsewhere = "https://elsewhere.test"
    configured = settings.load(
        TRANSCRIBE_API_URL=URL, TRANSCRIBE_API_KEY="k", TRANSCRIBE_API_KEY__BIG_SHOW="b",
        TRANSCRIBE_API_URL__BIG_SHOW=elsewhere,
    )  # fmt: skip
    made = await transcribed(here, title="talk")
    await here.db.execute(
        "update receiver.submissions set source = 'transcribe.so', account = 'big-show', api_url = $1,"
        " remote_id = '4821'", elsewhere,
    )  # fmt: skip
    said = b'{"id": 4821, "status": "completed", "segments": [{"start": 1, "end": 2, "text": "Yes."}]}'
    await archive.keep(here.db, Subject("transcribe.so", elsewhere, "4821", ""), "result", said)
    found = await texts.subtitled(here.db, here.url, configured, [made.id], tmp_path)
    assert b"Yes." in found[made.id].path.read_bytes()


async def refused(here: Bench, typed: str, folder: Path) -> str:
    with pytest.raises(ImpossibleError) as caught:
        await subtitled(here, typed, folder)
    assert not [*folder.iterdir()]
    return str(caught.value)


@pytest.mark.parametrize(
    ("typed", "is_name"),
    [
        ("sub_01hx", True), ("transcribe.so/4821", True), ("thunderscribe/sub_01hx", True), ("talk.srt", False),
        ("elsewhere/4821", False), ("transcribe.so/a/b", False), ("transcribe.so/", False), ("./sub_01hx", False),
        ("https://transcribe.so/4821", False),
    ],
)  # fmt: skip
def test_what_names_a_transcript_is_told_from_a_path(typed: str, is_name: bool) -> None:  # noqa: FBT001 - a case
    assert texts.is_name(typed) is is_name


def test_a_file_that_is_there_is_meant_before_a_transcript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("sub_01hx", "transcribe.so/4821"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(SRT)
        assert not texts.is_name(name)


async def test_the_subtitles_of_the_provider_are_taken_as_they_are_on_every_machine(
    here: Bench, tmp_path: Path
) -> None:
    made = await transcribed(here, title="A talk")
    file = await subtitled(here, made.id, tmp_path)
    assert (file.name, file.size, file.path.read_bytes()) == ("A talk.srt", len(SRT), SRT)
    assert await subtitled(here, f"timbr/{made.id}", tmp_path) == file


async def test_without_subtitles_of_the_provider_they_are_made_of_the_transcript(here: Bench, tmp_path: Path) -> None:
    made = await here.worked(await here.submit("talk.mp3"))
    asked = len(here.sandbox.asked)
    file = await subtitled(here, made.id, tmp_path)
    written, transcript = file.path.read_bytes(), await results.stored_transcript(here.db, made.id)
    assert (file.name, file.size) == ("talk.srt", len(written))
    assert written.decode() == subtitles.srt(transcript, cues="provider")
    assert [one.text for one in subtitles.read_srt(written).segments] == [one.text for one in transcript.segments]
    assert len(here.sandbox.asked) == asked


async def test_a_transcription_of_transcribe_so_is_read_from_the_archive(here: Bench, tmp_path: Path) -> None:
    raw = b'{"id": 7, "status": "completed", "segments": [{"start_seconds": 0, "end_seconds": 1, "text": "Yes."}]}'
    await archive.keep(here.db, Subject("transcribe.so", URL, "7", ""), "result", raw)
    file = await subtitled(here, "transcribe.so/7", tmp_path)
    assert (file.name, file.path.read_text()) == ("7.srt", "1\n00:00:00,000 --> 00:00:01,000\nYes.\n")


@pytest.mark.parametrize(
    ("title", "name"),
    [("A/B\\C", "A_B_C.srt"), (" .. ", "{0}.srt"), ("", "{0}.srt"), ("Größe 1.2\nx", "Größe 1.2_x.srt")],
)
async def test_a_title_becomes_the_name_of_a_file(here: Bench, tmp_path: Path, title: str, name: str) -> None:
    made = await transcribed(here, title=title)
    file = await subtitled(here, made.id, tmp_path)
    assert (file.name, file.path.parent) == (name.format(made.id), tmp_path)


async def test_what_has_no_transcript_says_so_in_a_sentence(here: Bench, tmp_path: Path) -> None:
    waiting = await here.submit("talk.mp3")
    said = f"{waiting.id} is uploaded, so it has no transcript yet: try again when it has ended"
    assert await refused(here, waiting.id, tmp_path) == said
    assert await refused(here, "sub_0", tmp_path) == "there is no submission sub_0"
    assert "not stored: the transcript of 8; set TRANSCRIBE_API_KEY" in await refused(here, "transcribe.so/8", tmp_path)
    said = f"{waiting.id} is uploaded"
    assert said in await refused(here, f"timbr/{waiting.id}", tmp_path)


async def test_a_submission_to_another_source_is_not_meant(here: Bench, tmp_path: Path) -> None:
    made = await transcribed(here, title="A talk")
    said = f"{made.id} is a submission to timbr, not to thunderscribe"
    assert await refused(here, f"thunderscribe/{made.id}", tmp_path) == said


async def test_where_nothing_is_said_there_is_nothing_to_hand_in(here: Bench, tmp_path: Path) -> None:
    made = await transcribed(here, title="A talk", raw=b"\r\n")
    assert await refused(here, made.id, tmp_path) == f"nothing is said in {made.id}, so it has no subtitles"


def test_a_recording_is_wanted_where_no_subtitles_are() -> None:
    given = ["talk.srt", "sub_01hx"]
    texts.require_allowed(Timbr, "translation", given)
    for source in (Timbr, ThunderScribe):
        with pytest.raises(ImpossibleError, match=f"names a transcript, and {source.name} makes a transcription of a"):
            texts.require_allowed(source, "transcription", given)
