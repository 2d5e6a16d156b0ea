"""`assistants.harmless`: nothing in a text hides from a person, or turns it around."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.assistants.harmless import lines, shown, spoken


@given(st.text())
def test_what_was_said_is_one_line_of_what_a_person_sees(text: str) -> None:
    found = spoken(text)
    assert "\n" not in found
    assert not {c for c in found if unicodedata.category(c) in ("Cc", "Cs")}
    assert spoken(found) == found


@pytest.mark.parametrize(
    "hidden",
    [
        "\u202e",
        "\u2066",
        "\u200b",
        "\u00ad",
        "\ufeff",
        "\U000e0041",
        "\U000e0100",
        "\ufe01",
        "\x00",
        "\ud800",
        "\ue000",
        "\uf8ff",
        "\u2800",
        "\U0001d159",
        "\U00016fe4",
        "\U0001d173",
        "\U0001bca0",
        "\U0001ffff",
        "\u200c",
        "\u200d",
        "\ufe0f",
    ],
)
def test_a_character_that_hides_or_turns_text_is_shown_as_an_escape(hidden: str) -> None:
    found = spoken(f"a{hidden}b")
    assert hidden not in found
    assert found.startswith("a\\")


@pytest.mark.parametrize(
    "text", ["\u0645\u200c\u200d\u062e", "👩\u200d\u200d🚀", "\u0645\u200c", "❤\ufe0f\ufe0f", "é \u200dé"]
)
def test_a_joiner_that_joins_nothing_is_shown_so_that_no_run_of_them_is_a_text(text: str) -> None:
    assert any(f"\\u{code}" in spoken(text) for code in ("200c", "200d", "fe0f"))
    assert spoken("hi" + "\u200c\u200d\u200d\u200c" * 100).isascii()


@pytest.mark.parametrize("text", [
    "Größe", "利率", "👩\u200d🚀", "\u0645\u06cc\u200c\u062e", "❤\ufe0f", "\ufffd", "❤\ufe0f\u200d🔥",
    "🏴\u200d☠\ufe0f", "👩🏽\u200d💻", "1\ufe0f\u20e3", "\u0915\u094d\u200d\u0937", "\u0d28\u0d4d\u200d",
    "\u0d28\u0d4d\u200d \u0d15", "\u0600", "\u2764",
])  # fmt: skip
def test_what_people_write_stays(text: str) -> None:
    assert spoken(text) == text


def test_a_title_is_short_and_its_addresses_have_no_secrets() -> None:
    assert shown("https://me:s3cret@host.test/a.mp3?sig=s3cret") == "https://host.test/a.mp3?…"
    assert shown("x" * 301) == "x" * 299 + "…"
    assert shown("a\nb\u202ec") == "a b\\u202ec"
    assert lines("0:00 A\n0:04\u202e B") == "0:00 A\n0:04\\u202e B"
