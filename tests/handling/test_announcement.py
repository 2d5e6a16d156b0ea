"""`receiver.handling.announcement`: an event as other programs get it."""

import dataclasses
import hashlib
import json
from typing import Any

import pytest

from receiver import Announcement, Segment, Transcript, Word, events
from receiver.events import AccountId, Event
from receiver.handling.announcement import Announced
from receiver.transcripts.documents import FORMATS

ACCOUNT = AccountId("transcribe.so", "https://transcribe.so", "big-show")
LARGE = 1_000_000
WORDS = (Word(0, 0.5, "Grüße"), Word(0.5, 1, "Zoë"))
TRANSCRIPT = Transcript((Segment(0, 1, "Grüße Zoë", "Ada", WORDS), Segment(1, 2, "Yes.")), title="Pilot")


def event(**changes: Any) -> Event:
    """Return an event that a body announces; `changes` are to its envelope."""
    about = {"id": 4821, "status": "completed", "title": "Grüße", "new": [1]}
    payload = {
        "id": "evt_1",
        "event": "transcription.completed",
        "created": 1777472458,
        "data": {"transcription": about},
    }
    body = json.dumps(payload | changes).encode()
    return events.read_envelope("transcribe.so", body, lambda _, value: str(value))


def test_it_names_the_event_and_says_what_the_provider_says() -> None:
    found = json.loads(Announcement.of(event(), ACCOUNT).encoded(most=LARGE))
    assert (found["type"], found["timestamp"]) == ("transcription.completed", "2026-04-29T14:20:58+00:00")
    data = found["data"]
    assert (data["source"], data["api_url"], data["account"], data["event"]) == (*ACCOUNT, "evt_1")
    assert (data["transcription"]["id"], data["transcription"]["title"]) == ("4821", "Grüße")
    assert data["transcription"]["language"] is None
    assert data["provider"]["transcription"]["new"] == [1]
    assert (data["transcript"], data["left_out"]) == (None, [])
    assert [*found] == [field.name for field in dataclasses.fields(Announcement)]
    assert [*data] == [field.name for field in dataclasses.fields(Announced)]


def test_its_bytes_are_the_same_in_every_process() -> None:
    """The digest is of another process, of another day."""
    found = Announcement.of(event(), ACCOUNT, TRANSCRIPT).encoded(most=LARGE)
    assert hashlib.sha256(found).hexdigest() == "1d60fc4b91ce0bdea87808b9545f9910c63dd0fa41157637557ecfd4548e6e34"


def test_who_gets_it_can_fetch_no_recording_by_it() -> None:
    url, link = "https://u:s3cret@h.example/a.mp3?s3cret", "https://h.example/text?v=1"
    told = {"id": "sub_1", "recording": url, "error": f"no answer of {url}"}
    found = Announcement.of(event(data={"submission": told, "link": link}), ACCOUNT).encoded(most=LARGE)
    assert json.loads(found)["data"]["provider"] == {
        "submission": {
            "id": "sub_1", "recording": "https://h.example/a.mp3?…", "error": "no answer of https://h.example/a.mp3?…"
        },
        "link": link,
    }  # fmt: skip


def test_its_transcript_is_the_one_that_the_command_prints() -> None:
    found = json.loads(Announcement.of(event(), ACCOUNT, TRANSCRIPT).encoded(most=LARGE))
    assert found["data"]["transcript"] == json.loads(FORMATS["json"](TRANSCRIPT))
    assert found["data"]["left_out"] == []


def test_the_time_is_that_of_the_end_if_the_event_has_none() -> None:
    ended = {"transcription": {"id": 1, "completed_at": "2026-04-29T14:25:27.968Z"}}
    found = [Announcement.of(event(created=at, data=ended), ACCOUNT).timestamp for at in ("now", -1, 1e300)]
    assert found == ["2026-04-29T14:25:27.968000+00:00"] * 3
    assert Announcement.of(event(created=None), ACCOUNT).timestamp is None


def test_what_makes_it_too_large_is_left_out_the_words_first() -> None:
    announcement = Announcement.of(event(), ACCOUNT, TRANSCRIPT)
    whole = announcement.encoded(most=LARGE)
    wordless = announcement.encoded(most=len(whole) - 1)
    found = json.loads(wordless)["data"]
    assert found["left_out"] == ["words"]
    assert [sorted(segment) for segment in found["transcript"]["segments"]] == [
        ["end_seconds", "speaker", "start_seconds", "text"]
    ] * 2
    assert announcement.encoded(most=len(wordless)) == wordless
    found = json.loads(announcement.encoded(most=len(wordless) - 1))["data"]
    assert (found["left_out"], found["transcript"]) == (["transcript"], None)
    assert json.loads(announcement.encoded(most=1))["data"] == found, "what the provider says is never cut"


def test_a_transcript_without_words_is_left_out_whole() -> None:
    found = json.loads(Announcement.of(event(), ACCOUNT, Transcript((Segment(0, 1, "Yes."),))).encoded(most=1))
    assert found["data"]["left_out"] == ["transcript"]


@pytest.mark.parametrize("odd", [float("inf"), float("-inf"), float("nan")])
def test_a_number_that_json_cannot_say_is_null(odd: float) -> None:
    data = {"transcription": {"id": 1}, "sizes": [odd, 1.5]}
    found = Announcement.of(Event("x", "evt_1", "a.b", data=data), ACCOUNT, Transcript((Segment(odd, 1, "Yes."),)))
    said = json.loads(found.encoded(most=LARGE), parse_constant=pytest.fail)["data"]
    assert said["provider"]["sizes"] == [None, 1.5]
    assert said["transcript"]["segments"][0]["start_seconds"] is None


def test_half_a_surrogate_pair_is_replaced() -> None:
    found = Announcement.of(event(), ACCOUNT, Transcript((Segment(0, 1, "a\ud800b"),))).encoded(most=LARGE)
    assert json.loads(found.decode())["data"]["transcript"]["segments"][0]["text"] == "a?b"
