"""`receiver.submissions.transcription`: from a recording to its text, in an order that loses and pays nothing twice."""

import math
from contextlib import AbstractContextManager
from pathlib import Path

import asyncpg
import httpx
import pytest

from receiver import settings
from receiver.database import Pool
from receiver.errors import BusyError, ImpossibleError
from receiver.providers import Recording
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.submissions import progress
from receiver.submissions.alone import LoneOrder
from receiver.submissions.following import Pauses
from receiver.submissions.progress import Notebook
from receiver.submissions.transcription import end, noted, transcribe
from tests.commands import wav
from tests.providers.scripted import URL, Provider

EPISODE = Recording(source="external_url", url="https://example.com/episode.mp3")
CONFIGURED = settings.load(TRANSCRIBE_API_URL=URL, TRANSCRIBE_API_KEY="tsk_test_x")
SOON = Pauses(shown=0)


class Job:
    """A provider that has these statuses, one for each question, and repeats the last one."""

    def __init__(self, *statuses: str) -> None:
        self._statuses = list(statuses)
        self.provider = Provider(self)
        self.told = list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        about = {"id": 7, "status": "queued", "retail_usd": 2.1}
        if request.method == "POST":
            return httpx.Response(202, json=about)
        if request.url.path.endswith("/transcriptions"):
            return httpx.Response(200, json={"data": []})
        if request.url.path.endswith("/result"):
            return httpx.Response(200, json={"id": 7, "status": "completed", "segments": [{"text": "Hello."}]})
        status = self._statuses.pop(0) if len(self._statuses) > 1 else self._statuses[0]
        return httpx.Response(200, json=about | {"status": status})

    async def run(self, notes: Notebook, *, wait: bool, db: "Pool | None" = None) -> tuple[TranscriptionStatus, str]:
        async with self.provider.client() as api:
            return await transcribe(
                api, db, CONFIGURED, LoneOrder(EPISODE), notes, wait=wait, uploaded=lambda *_: None,
                submitted=lambda status: self.told.append(f"submitted: {status.status}"),
                progressed=lambda status: self.told.append(status.status), pauses=SOON,
            )  # fmt: skip

    @property
    def keys(self) -> list[str | None]:
        """The keys of the submissions."""
        return [key for key in self.provider.sent("idempotency-key") if key is not None]

    def asked(self, end: str) -> int:
        return sum(request.url.path.endswith(end) for request in self.provider.asked)


def notes_in(folder: Path) -> AbstractContextManager[Notebook]:
    return noted(CONFIGURED.model_copy(update={"data_dir": folder}), LoneOrder(EPISODE))


async def test_it_is_submitted_followed_and_read(folder: Path) -> None:
    """The caller learns that it is paid for before anything else can happen."""
    job = Job("queued", "processing", "completed")
    with notes_in(folder) as notes:
        ended, text = await job.run(notes, wait=True)
    assert (ended.status, text) == ("completed", "Hello.")
    assert job.told == ["submitted: queued", "queued", "processing"]


async def test_without_a_wait_it_is_only_submitted(folder: Path) -> None:
    job = Job("completed")
    with notes_in(folder) as notes:
        submitted, text = await job.run(notes, wait=False)
    assert (submitted.status, submitted.retail_usd, text) == ("queued", 2.1, "")
    assert (job.told, job.asked("/wait"), job.asked("/result")) == (["submitted: queued"], 0, 0)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_what_did_not_complete_has_no_text(folder: Path, status: str) -> None:
    job = Job(status)
    with notes_in(folder) as notes:
        ended, text = await job.run(notes, wait=True)
    assert (ended.status, text, job.asked("/result")) == (status, "", 0)


async def test_until_somebody_has_seen_the_answer_it_is_not_paid_for_again(folder: Path) -> None:
    job = Job("completed")
    for seen in (False, True, True):
        with notes_in(folder) as notes:
            ended, _ = await job.run(notes, wait=True)
            end(notes, ended, is_seen=seen, waited=True)
    first, same, other = job.keys
    assert first == same != other


async def test_what_did_not_complete_is_told_after_its_notes_are_removed(folder: Path) -> None:
    """A notebook that stayed would repeat the failed transcription for a day."""
    job = Job("failed")
    for _ in range(2):
        with notes_in(folder) as notes:
            ended, _ = await job.run(notes, wait=True)
            with pytest.raises(ImpossibleError, match="transcription 7 failed"):
                end(notes, ended, is_seen=True, waited=True)
    first, other = job.keys
    assert first != other


async def test_what_was_not_waited_for_need_not_have_completed(folder: Path) -> None:
    job = Job("queued")
    with notes_in(folder) as notes:
        submitted, _ = await job.run(notes, wait=False)
        end(notes, submitted, is_seen=True, waited=False)
    assert submitted.status == "queued"


def test_one_recording_is_transcribed_by_one_run_at_a_time(folder: Path) -> None:
    with notes_in(folder), pytest.raises(BusyError, match="another run is transcribing"), notes_in(folder):
        pass


@pytest.mark.parametrize("ceiling", [math.nan, math.inf, -0.01])
def test_what_is_no_amount_is_no_ceiling(ceiling: float) -> None:
    """Every comparison with NaN is false, so each price would be within it."""
    with pytest.raises(ImpossibleError, match="cannot be a ceiling: it is a number of at least 0"):
        LoneOrder(EPISODE, max_charge=ceiling)
    assert LoneOrder(EPISODE, max_charge=0).max_charge == 0


async def test_what_cannot_be_followed_is_not_submitted(folder: Path, db: Pool) -> None:
    """What could announce the end is noted first; after the submission it might be too late."""
    await db.execute("alter table receiver.registrations rename to away")
    job = Job("completed")
    with notes_in(folder) as notes, pytest.raises(asyncpg.UndefinedTableError):
        await job.run(notes, wait=True, db=db)
    assert (job.told, job.provider.asked) == ([], [])


def test_notes_are_kept_under_the_file_or_else_the_web_address(tmp_path: Path) -> None:
    file = wav(tmp_path / "a.wav")
    assert progress.about(Recording(source="upload", original_filename="a.wav"), file) == file
    assert progress.about(EPISODE, None) == EPISODE.url
