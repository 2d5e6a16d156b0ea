"""`providers.archive`: one request for each end of a transcription, for all callers; only valid answers are kept."""

import asyncio
import dataclasses
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr

from receiver import database
from receiver.database import Pool
from receiver.errors import ProviderUnavailable
from receiver.providers import TimbrAudio, TranscribeSo
from receiver.providers.archive import Archive, Subject, keep, transcript_in
from receiver.providers.regenerations import Before
from receiver.providers.transcribe_so import NotReady
from receiver.sandbox import EXAMPLE_ID
from receiver.testing import SANDBOX_URL, Scratch
from receiver.transcripts import Transcript
from tests.providers.scripted import turns_enough

API = SANDBOX_URL
SUBJECT = Subject("transcribe.so", API, "7", "2026-04-29T14:25:27.968Z")
WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


def result(word: str, about: int = 7) -> httpx.Response:
    segment = {"start_seconds": 0, "end_seconds": 1.5, "text": word, "speaker": None}
    return httpx.Response(200, json={"id": about, "status": "completed", "segments": [segment]})


class Provider:
    """A provider that gives prepared answers, repeats the last one, and counts the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(f"{request.url.path.removeprefix('/api/v1')}?{request.url.query.decode()}")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer.status_code, content=answer.content)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[TranscribeSo]:
        key = SecretStr("tsk_test_archive")
        turns = turns_enough()
        async with TranscribeSo(SANDBOX_URL, key, budget=turns, transport=httpx.MockTransport(self.answer)) as client:
            yield client


async def until_waiting(db: Pool, count: int) -> None:
    async with asyncio.timeout(20):
        while await db.fetchval(WAITING) != count:  # noqa: ASYNC110 - the server cannot call us
            await asyncio.sleep(0.01)


async def test_concurrent_askers_of_several_processes_cost_one_call(db: Pool, receiver_database: str) -> None:
    class Slow(Provider):
        async def answer(self, request: httpx.Request) -> httpx.Response:
            answer = await super().answer(request)
            await until_waiting(db, 5)
            return answer

    provider = Slow(result("once"), result("twice"))
    async with (
        provider.client() as client,
        database.pool(receiver_database, size=3) as one,
        database.pool(receiver_database, size=3) as two,
    ):
        asked = [Archive(client, pool).transcript(SUBJECT) for pool in (one, two) for _ in range(3)]
        transcripts = await asyncio.gather(*asked)
        assert {transcript.text for transcript in transcripts} == {"once"}
        assert (await Archive(client, one).transcript(SUBJECT)).text == "once"
    assert provider.asked == ["/transcriptions/7/result?include=segments%2Cchapters%2Csections%2Cqna"]


async def test_what_differs_is_fetched_by_itself_and_does_not_wait_for_others(db: Pool) -> None:
    first, second = result("first end"), result("second end")
    later = Subject(SUBJECT.source, API, SUBJECT.transcription_id, "2026-04-30T00:00:00.000Z")
    other = Subject(SUBJECT.source, API, "8", SUBJECT.completed_at)
    async with Provider(first, second, result("other", 8)).client() as client:
        archive = Archive(client, db)
        texts = [(await archive.transcript(subject)).text for subject in (SUBJECT, later, other)]
        assert texts == ["first end", "second end", "other"]
        assert [(await archive.transcript(subject)).text for subject in (SUBJECT, later, other)] == texts
    stamps = [{"format": name, "style": style, "text": f"{name} {style}"} for name, style in (("a", "x"), ("a", "y"))]
    provider = Provider(*(httpx.Response(200, json=answer) for answer in stamps))
    async with provider.client() as client:
        archive = Archive(client, db)
        for _ in range(2):
            assert (await archive.timestamps(SUBJECT, "a", "x")).text == "a x"
            assert (await archive.timestamps(SUBJECT, "a", "y")).text == "a y"
    assert provider.asked == [f"/transcriptions/7/timestamps?format=a&style={style}" for style in "xy"]


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (httpx.Response(200, content=b'{"id": 7'), ProviderUnavailable),
        (httpx.Response(200, json={"id": 7, "status": "completed", "segments": {}}), ProviderUnavailable),
        (httpx.Response(200, json=[]), ProviderUnavailable),
        (httpx.Response(200, json={"id": 8, "status": "completed"}), ProviderUnavailable),
        (httpx.Response(200, json={"id": 7, "status": "processing"}), NotReady),
        (httpx.Response(500), ProviderUnavailable),
        (httpx.Response(409, json={"error": {"code": "not_ready"}}), NotReady),
        (httpx.ReadTimeout("slow"), ProviderUnavailable),
    ],
)
async def test_a_failure_is_not_kept_and_the_next_asker_tries(
    db: Pool, failure: httpx.Response | Exception, error: type[Exception]
) -> None:
    provider = Provider(failure, result("at last"))
    async with provider.client() as client:
        archive = Archive(client, db)
        with pytest.raises(error):
            await archive.transcript(SUBJECT)
        assert await db.fetchval("select count(*) from receiver.archive") == 0
        assert (await archive.transcript(SUBJECT)).text == "at last"
    assert len(provider.asked) == 2


async def test_who_waits_for_an_asker_that_fails_tries_itself(db: Pool) -> None:
    class Slow(Provider):
        async def answer(self, request: httpx.Request) -> httpx.Response:
            answer = await super().answer(request)
            if len(self.asked) == 1:
                await until_waiting(db, 1)
            return answer

    provider = Slow(httpx.Response(503), result("at last"))
    async with provider.client() as client:
        asked = [Archive(client, db).transcript(SUBJECT) for _ in range(2)]
        outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ProviderUnavailable", "Transcript"]


async def test_the_answer_is_kept_byte_for_byte_and_read_without_asking(db: Pool) -> None:
    """`jsonb` would refuse this text: JSON allows what PostgreSQL cannot store."""
    body = json.dumps({"id": 7, "status": "completed", "segments": [
        {"start_seconds": 0, "end_seconds": 1, "text": "a\x00b", "unknown": [1.0]},
    ]}).encode() + b"\n"  # fmt: skip
    provider = Provider(httpx.Response(200, content=body))
    async with provider.client() as client:
        archive = Archive(client, db)
        assert await archive.stored_transcript(API, "7") is None
        assert await archive.stored_timestamps(API, "7", "youtube", None) is None
        fetched = await archive.transcript(SUBJECT)
        assert fetched.text == "ab"
        assert await db.fetchval("select answer from receiver.archive") == body
        large = b'{"id": 7}' * 9000
        await keep(db, SUBJECT, "large", large)
        size = await db.fetchval("select pg_column_size(answer) from receiver.archive where kind = 'large'")
        assert size == len(large), "compressing it would take longer than all the rest"
        assert await archive.stored_transcript(API, "7") == fetched
        assert await archive.stored_transcript(API, "8") is None
        assert await archive.stored_timestamps(API, "7", "youtube", None) is None
    assert len(provider.asked) == 1


async def test_what_was_fetched_last_is_what_is_stored(receiver_scratch: Scratch) -> None:
    archive = Archive(receiver_scratch.provider, receiver_scratch.db)
    subject = Subject("transcribe.so", SANDBOX_URL, str(EXAMPLE_ID), "a")
    for style in ("punchy", "balanced", "punchy"):
        await archive.timestamps(subject, "youtube", style)
    stored = await archive.stored_timestamps(API, str(EXAMPLE_ID), "youtube", None)
    assert stored is not None
    assert (stored.format, stored.style) == ("youtube", "balanced")
    assert await archive.stored_timestamps(API, str(EXAMPLE_ID), "spotify", None) is None
    assert await archive.stored_timestamps(API, str(EXAMPLE_ID), "youtub", None) is None
    with pytest.raises(NotReady) as refused:
        await archive.timestamps(subject, "youtube", "educational")
    assert refused.value.available_styles == ("balanced", "punchy")


async def test_what_was_kept_of_a_style_is_forgotten_when_it_is_made_anew(receiver_scratch: Scratch) -> None:
    db, archive = receiver_scratch.db, Archive(receiver_scratch.provider, receiver_scratch.db)
    subject = Subject("transcribe.so", SANDBOX_URL, str(EXAMPLE_ID), "a")
    for style in ("balanced", "punchy"):
        key = (*dataclasses.astuple(subject), f"timestamps/youtube/{style}")
        await db.execute(
            "insert into receiver.archive (source, api_url, transcription_id, completed_at, kind, answer)"
            " values ($1, $2, $3, $4, $5, $6)", *key, b'{"format": "youtube", "text": "old"}',
        )  # fmt: skip
    made = await archive.regenerate(subject, "youtube", Before(), style="punchy", prompt="", by="host/1")
    assert made.text != "old"
    assert (await archive.timestamps(subject, "youtube", "punchy")) == made
    assert (await archive.timestamps(subject, "youtube", "balanced")).text == "old"


# --- without a database ----------------------------------------------------------------------------------------------


async def test_without_a_database_every_asker_asks_and_nothing_is_known_from_before() -> None:
    provider = Provider(result("once"), result("twice"))
    async with provider.client() as client:
        archive = Archive(client, None)
        await archive.keep_title(SUBJECT, "kept by nobody")
        assert [(await archive.transcript(SUBJECT)).text for _ in range(2)] == ["once", "twice"]
        assert await archive.stored_transcript(API, "7") is None
        assert await archive.stored_timestamps(API, "7", "youtube", None) is None
        assert await archive.apis("7", "%") == []
        assert await archive.before(SUBJECT, style="punchy", prompt="") == Before()
        assert (await archive.subject("7")).completed_at == "", "no answer is kept by it"
    assert len(provider.asked) == 2


async def test_without_a_database_the_checks_are_the_same() -> None:
    async with Provider(result("another's", about=8)).client() as client:
        with pytest.raises(ProviderUnavailable, match="about transcription 8"):
            await Archive(client, None).transcript(SUBJECT)
    made = [httpx.Response(200, json={}), httpx.Response(200, json={"format": "spotify", "text": "0:00 x"})]
    async with Provider(*made).client() as client:
        with pytest.raises(ProviderUnavailable, match="not in format youtube"):
            await Archive(client, None).regenerate(SUBJECT, "youtube", Before(), style="punchy", prompt="", by="host/1")


async def test_only_a_large_answer_is_read_in_a_thread() -> None:
    threads = list[bool]()

    class Noting(TimbrAudio):
        @classmethod
        def transcript(cls, operation: str, raw: bytes) -> Transcript:
            threads.append(threading.current_thread() is threading.main_thread())
            return super().transcript(operation, raw)

    cues = b"".join(
        b"%d\n00:00:%02d,000 --> 00:00:%02d,900\nAlice: Hello.\n\n" % (n, n % 60, n % 60) for n in range(1000)
    )
    small, large = [await transcript_in(Noting, "diarization", raw) for raw in (cues[:46], cues)]
    assert (len(small.segments), len(large.segments), threads) == (1, 1000, [True, False])
