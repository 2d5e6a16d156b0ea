"""`transcripts.lines`: what stays on one line, how well a text breaks after it, and how wide it is."""

# ruff: noqa: RUF001 - marks of many scripts are meant as they are

import pytest

from receiver.transcripts.lines import Break, clean, ends_sentence, fill, fitting, units, width


def split(text: str) -> list[str]:
    return [unit.text for unit in units(text)]


@pytest.mark.parametrize(("text", "columns"), [
    ("abc", 3), ("", 0), ("말", 2), ("ｱ", 1), ("Ａ", 2), ("e\u0301", 1), ("a\u200bb", 2), ("😀", 2), ("สวัสดี", 4),
])  # fmt: skip
def test_a_width_is_the_columns_that_a_text_takes(text: str, columns: int) -> None:
    assert width(text) == columns


@pytest.mark.parametrize(("text", "parts"), [
    pytest.param("Wait, Dr. Ada!", ["Wait,", "Dr.", "Ada!"], id="words"),
    pytest.param("待って、エイダ。", ["待っ", "て、", "エ", "イ", "ダ。"], id="kana, and marks that begin no line"),
    pytest.param("「はい」と", ["「は", "い」", "と"], id="brackets"),
    pytest.param("第3回Python会", ["第", "3", "回", "Python", "会"], id="words of another script"),
    pytest.param("ไปที่", ["ไป", "ที่"], id="Thai vowels and tones"),
    pytest.param("우리는 첫", ["우리는", "첫"], id="Korean has spaces"),
    pytest.param("mot\u00a0? oui", ["mot\u00a0?", "oui"], id="a space that does not break"),
    pytest.param("« mot » ? oui", ["« mot » ?", "oui"], id="marks set apart"),
    pytest.param("a - b", ["a", "-", "b"], id="a dash"),
    pytest.param("x" * 50, ["x" * 42, "x" * 8], id="longer than a line"),
    pytest.param("e\u0301" * 43, ["e\u0301" * 42, "e\u0301"], id="a sign keeps its marks"),
    pytest.param("a" * 41 + "👩\u200d🚀", ["a" * 41, "👩\u200d🚀"], id="emoji"),
    pytest.param("", [], id="nothing"),
])  # fmt: skip
def test_a_unit_is_what_one_line_holds_whole(text: str, parts: list[str]) -> None:
    assert split(text) == parts
    assert all(unit.width == width(unit.text) <= 42 for unit in units(text))
    assert "".join(unit.space + unit.text for unit in units(text)) == text


@pytest.mark.parametrize(("text", "after"), [
    ("Yes. No", Break.SENTENCE), ("Yes.” No", Break.SENTENCE), ("Yes! no", Break.CLAUSE), ("Yes, no", Break.CLAUSE),
    ("Dr. Ada", Break.SHORT_WORD), ("J. Smith", Break.SHORT_WORD), ("z.B. Ada", Break.SHORT_WORD),
    ("word more", Break.WORD), ("the end", Break.SHORT_WORD), ("here (there)", Break.CLAUSE), ("don’t go", Break.WORD),
    ("好。好", Break.SENTENCE), ("好，好", Break.CLAUSE), ("好好", Break.SIGN),
    ("क्या। नहीं", Break.SENTENCE), ("نعم، لا", Break.CLAUSE),
    ("3.5 metres", Break.WORD), ("said “Yes", Break.WORD), ("… Yes", Break.SENTENCE),
])  # fmt: skip
def test_how_well_a_text_breaks_after_its_first_unit(text: str, after: Break) -> None:
    assert units(text)[0].after is after


def test_a_sentence_ends_before_the_next_segment() -> None:
    assert ends_sentence("We did.", "You")
    assert not ends_sentence("We did", "you")
    assert not ends_sentence("We met Dr.", "Smith")


def test_a_long_name_is_cut() -> None:
    assert fitting("Ada Lovelace", 12) == "Ada Lovelace"
    assert fitting("Ada Lovelace", 5) == "Ada…"
    assert fitting("말말말", 5) == "말말…"


@pytest.mark.parametrize(("label", "text", "lines"), [
    ("", "short", ("short",)),
    ("Ada:", "short", ("Ada: short",)),
    ("", "x" * 30 + " " + "y" * 30, ("x" * 30, "y" * 30)),
    ("", "aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii jjjj", ("aaaa bbbb cccc dddd eeee", "ffff gggg hhhh iiii jjjj")),
    ("", "When nobody asks, everybody can go home at nine", ("When nobody asks,", "everybody can go home at nine")),
    ("A name of thirty-six and more columns:", "seven", ("A name of thirty-six and more columns:", "seven")),
])  # fmt: skip
def test_a_text_is_put_on_one_line_or_two_that_are_alike(label: str, text: str, lines: tuple[str, ...]) -> None:
    assert fill(label, units(text)) == lines


def test_a_text_is_cleaned_on_one_line() -> None:
    assert clean(" a\n\tb\x00 \ud800 c\u3000d ") == "a b c\u3000d"
