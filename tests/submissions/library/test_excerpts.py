"""`submissions.library.excerpts`: what is shown of a passage."""

from hypothesis import given
from hypothesis import strategies as st

from receiver.submissions.library import excerpts
from receiver.submissions.library.excerpts import BEGIN, END, MOST_CHARACTERS, OPENING, Part

WORDS = st.lists(st.sampled_from(["rate", "a", "interest", "x" * 400, "über"]), min_size=1, max_size=300)


def shown(text: str) -> str:
    """Return an excerpt as a line, with its marked parts in brackets."""
    return "".join(f"[{part.text}]" if part.is_marked else part.text for part in excerpts.excerpt(excerpts.parts(text)))


def test_a_short_passage_is_shown_whole() -> None:
    assert shown(f"the {BEGIN}rate{END} is two") == "the [rate] is two"
    assert shown("nothing is marked") == "nothing is marked"
    assert shown("") == ""


def test_a_long_passage_is_shown_around_the_first_mark_and_begins_with_a_word() -> None:
    text = f"{'before ' * 100}{BEGIN}rate{END}{' after' * 100} {BEGIN}rate{END}"
    found = shown(text)
    assert found.startswith("…before before ")
    assert found.count("[rate]") == 1
    assert found.endswith(" after…")


def test_what_looks_like_markup_is_text() -> None:
    assert excerpts.parts(f"{OPENING}script>{BEGIN}rate{END}") == [Part("<script>", False), Part("rate", True)]  # noqa: FBT003 - a tuple


@given(WORDS, st.integers(0, 299))
def test_an_excerpt_is_short_and_a_part_of_the_passage_and_shows_the_mark(words: list[str], place: int) -> None:
    marked = list(words)
    marked[place % len(words)] = f"{BEGIN}rate{END}"
    whole = excerpts.parts(" ".join(marked))
    found = excerpts.excerpt(whole)
    inner = "".join(part.text for part in found).removeprefix("…").removesuffix("…")
    assert len(inner) <= MOST_CHARACTERS
    assert inner in "".join(part.text for part in whole)
    assert any(part.is_marked and part.text == "rate" for part in found)


def test_the_moment_is_that_of_the_segment_with_the_first_mark() -> None:
    starts = [(0, 60.0), (9, 64.5), (20, 70.0)]
    at = {
        text: excerpts.moment(excerpts.parts(text), starts, 1.0)
        for text in (f"{BEGIN}What{END} is", f"12345678 {BEGIN}rate{END}", f"12345678 12345678901{BEGIN}x{END}", "none")
    }
    assert list(at.values()) == [60.0, 64.5, 70.0, 60.0]
    assert excerpts.moment([], [], 1.0) == 1.0


def test_terms_are_marked_in_capitals_or_not_the_longest_first() -> None:
    assert excerpts.marked("利率和利", ["利", "利率"]) == f"{BEGIN}利率{END}和{BEGIN}利{END}"
    assert excerpts.marked("An API (v2)", ["api", "(V2)"]) == f"An {BEGIN}API{END} {BEGIN}(v2){END}"
    assert excerpts.marked("nothing", []) == "nothing"
