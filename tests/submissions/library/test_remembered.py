"""`submissions.library.remembered`: the transcripts that were read last."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from receiver.submissions.library.reading import Answer
from receiver.submissions.library.remembered import Remembered
from receiver.transcripts import Segment, Transcript, Word

NOW = datetime.now(UTC)
ANSWER = Answer("openai", "https://api.test", "1", "", NOW, "", None, None, None, None)
TEN = Transcript((Segment(0, 1, "said", None, (Word(0, 1, "said"),)),) * 5)


def test_of_many_those_that_were_asked_for_last_stay() -> None:
    known = Remembered(most=20)
    one, two, three = (replace(ANSWER, transcription_id=number) for number in "123")
    known.keep(one, TEN)
    known.keep(two, TEN)
    assert known.get(one) is TEN
    known.keep(three, TEN)
    assert (known.get(one), known.get(two), known.get(three)) == (TEN, None, TEN)


def test_the_last_one_stays_however_long_it_is() -> None:
    known = Remembered(most=5)
    known.keep(ANSWER, TEN)
    assert known.get(ANSWER) is TEN


def test_another_run_is_another_transcript() -> None:
    known = Remembered()
    known.keep(ANSWER, TEN)
    assert known.get(replace(ANSWER, completed_at="2026-01-01T00:00:00Z")) is None
    assert known.get(replace(ANSWER, fetched_at=NOW + timedelta(seconds=1))) is None
