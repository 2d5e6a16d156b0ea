"""`assistants.writing`: a transcript as lines, and parts of it that lose nothing."""

import math

from hypothesis import given
from hypothesis import strategies as st

from receiver.assistants.writing import cut, place, written
from receiver.transcripts import Segment, Transcript

SEGMENTS = (
    Segment(0, 4, "One", "Ana"), Segment(4, 8, "two", "Ana"), Segment(8, 12, "three", "Ben"),
    Segment(30, 34, "four", "Ben"), Segment(38, 42, "five", "Ben"), Segment(3700, 3702, "six"),
)  # fmt: skip


def test_a_line_is_a_turn_or_half_a_minute_of_it() -> None:
    text, starts = written(Transcript(SEGMENTS))
    assert text.splitlines() == [
        "[0:00:00] Ana: One two", "[0:00:08] Ben: three four", "[0:00:38] Ben: five", "[1:01:40] six"
    ]  # fmt: skip
    assert [(at, text[offset : offset + 9]) for at, offset in starts][2] == (38, "[0:00:38]")


def test_a_moment_is_in_the_line_that_begins_before_it() -> None:
    text, starts = written(Transcript(SEGMENTS))
    for seconds, line in (
        (0, "[0:00:00]"),
        (7.9, "[0:00:00]"),
        (8, "[0:00:08]"),
        (37, "[0:00:08]"),
        (1e9, "[1:01:40]"),
    ):
        assert text[place(starts, seconds) :].startswith(line)
    assert place([], 7) == 0


def test_a_moment_is_before_no_line_that_begins_later_when_people_talk_at_once() -> None:
    crossed = (Segment(0, 50, "one", "Ana"), Segment(60, 90, "two", "Ben"), Segment(20, 55, "three", "Ana"),
               Segment(100, 101, "four", "Ben"), Segment(math.nan, 1, "five", "Ana"))  # fmt: skip
    text, starts = written(Transcript(crossed))
    for seconds, line in ((25, "[0:00:00] Ana: one"), (70, "[0:00:20] Ana: three"), (1e9, "[0:00:00] Ana: five")):
        assert text[place(starts, seconds) :].startswith(line)


def test_times_that_cannot_be_are_lines_too() -> None:
    text, _ = written(Transcript((Segment(math.nan, 1, "a"), Segment(-5, 1, "b\nc\u202e"), Segment(math.inf, 1, "d"))))
    assert text.splitlines() == ["[0:00:00] a", "[0:00:00] b c\\u202e", "[0:00:00] d"]


@given(st.text(alphabet="ab \n"), st.integers(1, 9))
def test_the_parts_of_a_text_are_the_text(text: str, limit: int) -> None:
    parts, offset = list[str](), 0
    while offset < len(text):
        parts.append(cut(text, offset, limit))
        assert 1 <= len(parts[-1]) <= limit
        offset += len(parts[-1])
    assert "".join(parts) == text


def test_a_part_ends_with_a_line_if_it_can() -> None:
    assert cut("abcdef\nghij", 0, 9) == "abcdef\n"
    assert cut("a\nbcdefghij", 0, 9) == "a\nbcdefgh"
    assert cut("abc\ndef", 0, 100) == "abc\ndef"
