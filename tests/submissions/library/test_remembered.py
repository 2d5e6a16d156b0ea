"""`submissions.library.remembered`: the transcripts that were read last."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.submissions.library.reading import Answer
from receiver.submissions.library.remembered import Remembered

NOW = datetime.now(UTC)
ANSWER = Answer("transcribe.so", "https://api.test", "1", "", NOW, "", None, "A talk", None, None)
SEGMENTS = [{"start_seconds": 0, "end_seconds": 1, "text": "said"}] * 10
CONTENT = json.dumps({"id": 1, "status": "completed", "segments": SEGMENTS}).encode()


async def is_read(known: Remembered, answer: Answer, content: bytes | None = CONTENT) -> bool:
    """Read what an answer holds, and return whether the database was asked for it."""
    asked = []

    async def read(work: object) -> bytes | None:
        asked.append(work)
        return content

    found = await known.read(answer, read)
    assert (found is None) == (content is None)
    assert found is None or (len(found.segments), found.title) == (10, answer.title)
    return bool(asked)


async def test_of_many_those_that_were_asked_for_last_stay() -> None:
    known = Remembered(most=20)
    one, two, three = (replace(ANSWER, transcription_id=number) for number in "123")
    assert [await is_read(known, answer) for answer in (one, two, one, three)] == [True, True, False, True]
    assert [await is_read(known, answer) for answer in (one, three, two)] == [False, False, True]


async def test_the_last_one_stays_however_long_it_is() -> None:
    known = Remembered(most=5)
    assert [await is_read(known, ANSWER) for _ in range(2)] == [True, False]


async def test_another_run_is_another_transcript() -> None:
    known = Remembered()
    for other in ({}, {"completed_at": "2026-01-01T00:00:00Z"}, {"fetched_at": NOW + timedelta(seconds=1)}):
        assert await is_read(known, replace(ANSWER, **other))


async def test_a_title_that_has_changed_since_is_the_new_one() -> None:
    known = Remembered()
    assert await is_read(known, ANSWER)
    assert not await is_read(known, replace(ANSWER, title="Another"))


async def test_what_is_gone_is_none_and_is_not_remembered() -> None:
    known = Remembered()
    assert await is_read(known, ANSWER, None)
    assert await is_read(known, ANSWER)
