"""`handlers.ready._names`: no title names more than one file in its own folder, on any system."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.ready import _names
from receiver.logs.unseen import is_unseen
from tests.handlers.ready.titles import TITLES

OWNER = ("transcribe.so", "https://transcribe.so", "4821")
FIELDS = {"date": "2026-04-29", "title": "A talk", "id": "4821", "source": "transcribe.so", "account": "default"}
LONGEST_ENDING = ".chapters.json"
WINDOWS = '<>:"/\\|?*'


def named(title: str, template: str = "{title}", **fields: str) -> list[str]:
    return list(_names.candidates(template, FIELDS | {"title": title} | fields, OWNER))


def assert_harmless(part: str) -> None:
    """One file in its own folder, whatever the system."""
    assert part not in ("", ".", "..")
    assert part[0] not in " .-~"
    assert part[-1] not in " ."
    assert part.isprintable()
    assert not set(part) & set(WINDOWS)
    assert part.partition(".")[0].rstrip().upper() not in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT9", "CONIN$")
    assert not {unicodedata.category(one) for one in part} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert len(f"{part}{LONGEST_ENDING}".encode()) <= 255
    assert unicodedata.is_normalized("NFC", part)


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_a_harmless_name_whatever_it_says(title: str) -> None:
    for path in (*named(title), *named(title, "{title}/{id}"), *named(title, "{date} {title}")):
        for part in path.split("/"):
            assert_harmless(part)
    assert [path.count("/") for path in named(title, "{title}/{title}/{id}")] == [2, 2, 2]


@given(st.text(max_size=400), st.text(min_size=1, max_size=300))
def test_any_text_is_a_harmless_name(title: str, transcription: str) -> None:
    for path in named(title, "{title}/{account} {title}", id=transcription, account=title):
        for part in path.split("/"):
            assert_harmless(part)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("What's new: 1/2?", "What's new 1 2"),
        ("Café — 日本語 (2)", "Café — 日本語 (2)"),
        ("  two\n lines ", "two lines"),
        ("../../etc/passwd", "etc passwd"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("con.txt", "_con.txt"),
        ("...", "4821"),
        ("Index", "Index_"),
        ("_index", "_index_"),
        ("index.html", "index_.html"),
        ("my_index.md", "my_index.md"),
        ("Talk\u2800\U00016fe4\U0001d159", "Talk"),
        ("", "4821"),
        ("{id}", "{id}"),
        ("Zoe\u0308", "Zoë"),
    ],
)
def test_a_name_is_still_read_as_its_title(title: str, name: str) -> None:
    assert named(title)[0] == name


def test_a_name_that_is_taken_has_the_id_and_then_a_digest() -> None:
    best, second, last = named("A talk", "{source}/{date} {title}")
    assert best == "transcribe.so/2026-04-29 A talk"
    assert second == f"{best} (4821)"
    assert last.startswith(f"{best} (")
    assert len(last) == len(best) + len(" ()") + 16
    others = [list(_names.candidates("{title}", FIELDS, (*OWNER[:2], one))) for one in ("4821", "4822")]
    assert others[0][2] != others[1][2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Zoë", "zoe\u0308"), ("straße", "STRASSE"), ("\u212bngström", "ångstro\u0308m"), ("A/Talk", "a/tALK"),
        ("ΐ", "\u03b9\u0308\u0301"),
    ],
)  # fmt: skip
def test_names_that_a_system_takes_for_one_are_one_when_they_are_folded(one: str, other: str) -> None:
    assert _names.folded(one) == _names.folded(other)
    assert _names.folded("talk") != _names.folded("talks")


def test_what_is_too_long_keeps_its_beginning_and_whole_characters() -> None:
    assert named("日" * 255)[0] == "日" * 52
    assert named("a" * 300)[0] == "a" * 158
    assert named("x" * 300, "{title}/{id}")[0] == f"{'x' * 78}/4821"


@pytest.mark.parametrize(
    ("name", "part"), [("_index.md", "_index_.md"), ("INDEX.html", "INDEX_.html"), ("indexes.md", "indexes.md")]
)
def test_no_file_of_a_submission_stands_for_its_folder(name: str, part: str) -> None:
    assert _names.part(name) == part


def test_no_character_that_shows_nothing_is_in_a_name() -> None:
    unseen = [sign for sign in map(chr, range(sys.maxunicode + 1)) if is_unseen(sign)]
    assert [ascii(sign) for sign in unseen if sign in _names.part(f"a{sign}b")] == []
