"""`submissions.library.passages`: what a transcript is cut into."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.submissions.library import passages
from receiver.submissions.library.passages import MOST_CHARACTERS, MOST_SECONDS, Passage
from receiver.transcripts import Segment

TIMES = st.floats(allow_nan=True, allow_infinity=True)


def said(*turns: tuple[float, float, str, str | None]) -> list[Segment]:
    return [Segment(start, end, text, speaker) for start, end, text, speaker in turns]


def test_short_segments_stand_together_so_that_a_question_stands_in_one_row() -> None:
    turns = said((0, 4, "What is", "A"), (4, 9, "the interest rate?", "A"), (9, 12, "Two percent.", "B"))
    assert passages.cut(turns, spaced=True) == [
        Passage(0, None, "What is the interest rate? Two percent.", [(0, 0), (8, 4), (27, 9)])
    ]


def test_a_passage_ends_after_a_minute_and_sooner_where_another_one_speaks() -> None:
    minute = [Segment(5.0 * n, 5.0 * n + 5, f"s{n}", "A") for n in range(24)]
    assert [(one.seconds, one.speaker) for one in passages.cut(minute, spaced=True)] == [(0, "A"), (60, "A")]
    another = said((0, 20, "a", "A"), (20, 29, "b", "B"), (29, 31, "c", "B"), (31, 40, "d", "A"))
    assert [(one.text, one.speaker) for one in passages.cut(another, spaced=True)] == [("a b c", None), ("d", "A")]


def test_a_segment_that_holds_a_whole_speech_is_cut_at_spaces_with_times_between_its_own() -> None:
    (speech,) = said((100, 200, "word " * 2000, "A"))
    found = passages.cut([speech], spaced=True)
    assert all(len(one.text) < MOST_CHARACTERS for one in found)
    assert " ".join(one.text for one in found).split() == ["word"] * 2000
    assert [one.seconds for one in found] == sorted(one.seconds for one in found)
    assert found[0].seconds == 100
    assert 180 < found[-1].seconds < 200


def test_a_word_of_ten_thousand_characters_is_cut_anywhere() -> None:
    found = passages.cut(said((0, 5, "x" * 10_000, None)), spaced=True)
    assert "".join(one.text for one in found) == "x" * 10_000
    assert max(len(one.text) for one in found) < MOST_CHARACTERS


def test_where_words_have_no_spaces_segments_have_none_between_them() -> None:
    (found,) = passages.cut(said((0, 2, "利率是", None), (2, 4, "百分之二", None)), spaced=False)
    assert (found.text, found.starts) == ("利率是百分之二", [(0, 0), (3, 2)])


@pytest.mark.parametrize(("text", "shown"), [
    ("a\x00b\x02c\x03d\x04e", "a b c d e"),
    ("\u202eevil\u2066 text\u2069\u2028next", "evil text next"),
    ("half \ud83d a pair", "half a pair"),
    ("  two\r\n\tlines  ", "two lines"),
    ("<b>bold</b> &amp; more", "<b>bold</b> &amp; more"),
])  # fmt: skip
def test_control_characters_and_what_reorders_a_line_are_left_out(text: str, shown: str) -> None:
    assert [one.text for one in passages.cut(said((0, 1, text, f"A{text}")), spaced=True)] == [shown]
    assert passages.cut(said((0, 1, text, text)), spaced=True)[0].speaker == " ".join(shown.split()) or "A"


def test_nothing_said_is_no_passage() -> None:
    assert passages.cut(said((0, 1, " \x00 ", "A"), (1, 2, "", None)), spaced=True) == []
    assert passages.length([]) == 0


@given(st.lists(st.tuples(TIMES, TIMES, st.text(max_size=3000), st.sampled_from(["A", "B", None])), max_size=12))
def test_whatever_a_provider_writes_every_word_is_in_a_passage_that_the_database_takes(
    turns: list[tuple[float, float, str, str | None]],
) -> None:
    found = passages.cut(said(*turns), spaced=True)
    whole = "".join("".join(passages._CONTROL.sub(" ", turn[2]).split()) for turn in turns)  # noqa: SLF001 - what is left out
    assert "".join("".join(one.text.split()) for one in found) == whole
    for one in found:
        assert 0 <= one.seconds < math.inf
        assert len(one.text) <= MOST_CHARACTERS
        assert one.starts[0][1] == one.seconds
        assert [offset for offset, _ in one.starts] == sorted({offset for offset, _ in one.starts})
        assert all(0 <= at - one.seconds <= MOST_SECONDS for _, at in one.starts)
        json.dumps(one.starts, allow_nan=False)
        one.text.encode()


@pytest.mark.parametrize(("language", "text", "config"), [
    ("en", "good morning", "english"), ("en-GB", "good morning", "english"), ("EN_us", "good", "english"),
    ("english", "good morning", "english"), ("de", "Guten Morgen", "german"), (None, "good morning", "simple"),
    ("xx", "good morning", "simple"), ("", "good", "simple"), ("ko", "좋은 아침", "simple"),
    ("zh", "早上好", None), ("en", "早上好", None), (None, "おはようございます", None), ("th", "สวัสดีตอนเช้า", None),
    (None, "ສະບາຍດີ", None), (None, "អរុណសួស្តី", None), (None, "မင်္ဂလာနံနက်ခင်းပါ", None), ("ja", "", "simple"),
    ("ja", "OpenAI の API を使う", None), ("en", "the character 利 means interest", "english"),
])  # fmt: skip
def test_the_language_chooses_the_dictionary_and_the_script_whether_there_are_words(
    language: str | None, text: str, config: str | None
) -> None:
    assert passages.config(language, said((0, 1, text, None))) == config
