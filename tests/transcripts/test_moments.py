"""`transcripts.moments`: a place of a text is spoken when its words say, or else at its share of the time."""

import math

import pytest

from receiver.transcripts import Segment, Word
from receiver.transcripts.moments import Stretch, stretches

TEXT = "Well, yes — we did it."


def only(start: float, end: float, *words: Word, text: str = TEXT, following: Segment | None = None) -> Stretch:
    (found,) = stretches(Segment(start, end, text, words=words), following)
    return found


def said(stretch: Stretch, part: str) -> tuple[int, int]:
    """Return when a part of the text is spoken."""
    at = stretch.text.index(part)
    return stretch.begins(at), stretch.ends(at + len(part))


def test_without_words_the_length_of_the_text_says_when() -> None:
    assert said(only(10, 12.2, text="aaaa bbbbb c"), "aaaa") == (10_000, 10_733)
    assert said(only(10, 12.4, text="aaaa bbbbb c"), "bbbbb") == (11_000, 12_000)


def test_a_word_is_spoken_when_it_says_and_the_others_between() -> None:
    words = Word(1, 1.5, "well"), Word(2, 2.2, "Yes"), Word(4, 4.5, "it")
    found = only(1, 5, *words)
    assert [said(found, part) for part in ("Well,", "yes", "it.")] == [(1000, 1500), (2000, 2200), (4000, 4500)]
    assert 2200 <= said(found, "we")[0] < said(found, "did")[0] < 4000


@pytest.mark.parametrize("wrong", [
    pytest.param(Word(0, 0, "yes"), id="no length"), pytest.param(Word(3, 2, "yes"), id="backwards"),
    pytest.param(Word(math.nan, math.nan, "yes"), id="no numbers"), pytest.param(Word(2, math.inf, "yes"), id="no end"),
    pytest.param(Word(60, 61, "yes"), id="outside"), pytest.param(Word(0.2, 3, "yes"), id="begins long before"),
    pytest.param(Word(0, 0.3, "yes"), id="before the one before"),
    pytest.param(Word(2, 3, "maybe"), id="not said"), pytest.param(Word(2, 3, ""), id="nothing"),
])  # fmt: skip
def test_a_word_that_cannot_be_true_is_left_out(wrong: Word) -> None:
    first, last = Word(1, 1.5, "Well"), Word(4, 4.5, "did")
    assert only(1, 5, first, wrong, last) == only(1, 5, first, last)


def test_a_word_a_little_outside_its_segment_is_moved_into_it() -> None:
    found = only(1, 5, Word(0.7, 1.5, "Well"), Word(4.8, 5.3, "it"))
    assert (said(found, "Well,"), said(found, "it.")) == ((1000, 1500), (4800, 5000))


def test_a_word_is_not_found_within_another_one() -> None:
    """The text has no `a`, but the first letter of `apple` and the third of `that`."""
    found = only(0, 4, Word(0, 0.1, "a"), Word(2, 2.5, "tree"), text="that is not tree")
    assert said(found, "tree") == (2000, 2500)
    assert said(found, "that")[0] == 0
    assert said(found, "that")[1] > 600


def test_after_words_that_are_not_in_the_text_the_next_ones_are_found_again() -> None:
    other = [Word(0.1 * n, 0.1 * n + 0.1, f"other{n}") for n in range(30)]
    said_text = " ".join(f"word{n}" for n in range(30)) + " goal"
    assert said(only(0, 9, *other, Word(8, 8.5, "goal"), text=said_text), "goal") == (8000, 8500)


@pytest.mark.parametrize(("end", "next_start", "ended"), [
    pytest.param(1, None, 1000 + 22 * 65, id="no end"), pytest.param(0, None, 1000 + 22 * 65, id="backwards"),
    pytest.param(1.1, None, 1000 + 22 * 65, id="nobody speaks so fast"), pytest.param(1.5, None, 1500, id="fast"),
    pytest.param(1, 1.8, 1800, id="until the next one"), pytest.param(1, 0.5, 1000 + 22 * 65, id="the next is before"),
    pytest.param(math.nan, None, 1000 + 22 * 65, id="no number"),
])  # fmt: skip
def test_an_end_that_cannot_be_true_is_made_of_the_length(end: float, next_start: float | None, ended: int) -> None:
    following = None if next_start is None else Segment(next_start, 9, "x")
    assert only(1, end, following=following).end == ended


def test_a_turn_begins_with_the_first_word_of_another_speaker() -> None:
    words = Word(1, 2, "Why"), Word(2, 3, "Because", "Ben"), Word(3, 4, "it", "Ben"), Word(4, 5, "Ah", "Ada")
    found = stretches(Segment(1, 5, "Why? “Because of it.” Ah.", "Ada", words), None)
    assert [(one.speaker, one.text, one.start, one.end) for one in found] == [
        ("Ada", "Why?", 1000, 2000), ("Ben", "“Because of it.”", 2000, 4000), ("Ada", "Ah.", 4000, 5000),
    ]  # fmt: skip


def test_the_time_for_it_grows_with_the_number_of_words_alone() -> None:
    """If each word were looked for in the whole text, this would take minutes."""
    text = "a b " * 100_000
    words = [Word(n, n + 1, word) for n in range(50_000) for word in ("zzz", "a")]
    assert only(0, 400_000, *words, text=text).text == text.strip()
