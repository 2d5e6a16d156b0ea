"""What comes from outside does no harm in a page, and looks like what it is."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest

from receiver.console import rendering
from receiver.console.rendering import assets, code, environment, shown, size, span, with_query
from tests.processes import REPOSITORY


def rendered(source: str, **values: object) -> str:
    return environment().from_string(source).render(**values)


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "'\"><img src=x onerror=alert(1)>", "</title><b>", "{{ 7 * 7 }}"]
)
def test_markup_is_text(text: str) -> None:
    found = rendered('<a title="{{ x }}">{{ x }}</a>', x=text)
    assert not re.search(r"<(script|img|b)\b|</title>|49", found)
    assert '"><' not in found


@pytest.mark.parametrize(
    "odd", ["\x00", "\x1b", "\x85", "\u202e", "\u2066", "\u200f", "\ud800", "\uffff", "\U000e0041"]
)
def test_what_deceives_is_an_escape(odd: str) -> None:
    found = rendered("{{ x }}|{{ x|lines }}|{{ x|code }}", x=f"a{odd}b")
    assert odd not in found
    assert found.count(odd.encode("unicode_escape").decode()) == 3
    found.encode()


@pytest.mark.parametrize("text", ["Łódź", "שלום", "नमस्\u200dते", "👩\u200d👧", "日本語", "a\nb\tc"])
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert shown(text) == text


def test_commands_stand_out_and_nothing_else_does() -> None:
    assert code("run `receiver check <x>`") == "run <code>receiver check &lt;x&gt;</code>"
    assert code("`") == "`"


def test_lengths_and_sizes_are_in_words() -> None:
    assert [span(one) for one in (0.0021, 1.0, 119, timedelta(minutes=3), 7200, 172_800, None)] == [
        "2 ms", "1 s", "119 s", "3 min", "2 h", "2 days", "-",
    ]  # fmt: skip
    assert [size(one) for one in (0, 999, 1000, 2_500_000, 3e9)] == [
        "0 bytes",
        "999 bytes",
        "1.0 KB",
        "2.5 MB",
        "3.0 GB",
    ]
    assert rendering.ago(None) == "never"
    assert rendering.ago(datetime.now(UTC) - timedelta(hours=3)) == "3 h ago"
    assert [rendering.number(one) for one in (1234567.0, 0.5)] == ["1,234,567", "0.50"]


def test_only_what_is_given_stands_in_an_address() -> None:
    assert with_query("/events", {"q": "a b&c", "before": None, "x": ""}) == "/events?q=a+b%26c"
    assert with_query("/events", {}) == "/events"


def test_the_file_that_was_copied_is_the_one_that_the_readme_names() -> None:
    content = assets()["htmx.min.js"].content
    assert hashlib.sha256(content).hexdigest() in (REPOSITORY / "README.md").read_text()
    assert b"4.0.1" in content
    assert (REPOSITORY / "receiver/console/assets/htmx.LICENSE").read_text().startswith("Zero-Clause BSD")


def test_no_template_has_a_script_a_style_or_a_way_around_escaping() -> None:
    found = {path.name: path.read_text() for path in (REPOSITORY / "receiver/console/templates").glob("*.html")}
    assert "base.html" in found
    for name, text in found.items():
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?! src=)|javascript:|\|\s*safe|autoescape", text), (
            name
        )
        assert not re.search(r"""(src|href|action)=["']?(https?:)?//""", text), name
