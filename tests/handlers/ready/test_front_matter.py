"""`handlers.ready._front_matter`: YAML that every reader reads back as what it was."""

from datetime import datetime

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from handlers.ready._front_matter import front_matter
from receiver import Event, Transcription
from tests.handlers.ready.titles import TITLES

TALK = Transcription(
    id="4821", title="A talk", language="no", duration_seconds=61.9, completed_at="2026-04-29T16:25:27.968+02:00"
)


def read(event: Event, title: str) -> object:
    text = front_matter(event, title, event.transcription.ended_at)
    assert text.startswith("---\n")
    assert text.endswith("\n---\n")
    assert text.count("\n---\n") == 1
    assert all(ord(one) >= 32 or one == "\n" for one in text)
    return yaml.safe_load(text.removesuffix("---\n"))


def test_it_says_what_is_known() -> None:
    assert read(Event("transcribe.so", "evt_1", "transcription.completed", transcription=TALK), "A talk") == {
        "title": "A talk", "date": datetime.fromisoformat("2026-04-29T14:25:27"), "source": "transcribe.so",
        "id": "4821", "duration": 61, "language": "no",
    }  # fmt: skip


def test_what_is_not_known_is_left_out() -> None:
    assert read(Event("timbr", "evt_1", "a.b", transcription=Transcription(id="sub_1")), "sub_1") == {
        "title": "sub_1", "source": "timbr", "id": "sub_1",
    }  # fmt: skip


@pytest.mark.parametrize("title", TITLES)
def test_a_title_is_read_back_whatever_it_says(title: str) -> None:
    found = read(Event("timbr", "evt_1", "a.b", transcription=Transcription(id="1", language=title)), title)
    assert isinstance(found, dict)
    assert found["title"] == " ".join(title.split())
    assert set(found) <= {"title", "source", "id", "language"}
    assert found.get("language", "") == title


@given(st.text())
def test_any_text_is_read_back(title: str) -> None:
    found = read(Event("timbr", "evt_1", "a.b", transcription=Transcription(id="1")), title)
    assert isinstance(found, dict)
    assert found["title"] == " ".join(title.split())


def test_no_code_of_templater_is_in_it() -> None:
    code = "<%* require('child_process') %>"
    about = Transcription(id=code, language=code)
    text = front_matter(Event(code, "evt_1", "a.b", transcription=about), code, None)
    assert "<" not in text
    assert yaml.safe_load(text.removesuffix("---\n")) == dict.fromkeys(("title", "source", "id", "language"), code)
