"""`sandbox.transcribe_so.announcements`: made-up events are events that we can read, and new ones each time."""

import json
from typing import get_args

import pytest

from receiver import Event
from receiver.providers.transcribe_so import payload
from receiver.sandbox import EXAMPLE_ID
from receiver.sandbox.transcribe_so.announcements import Kind, announcement


@pytest.mark.parametrize("kind", get_args(Kind))
def test_it_is_read_as_the_event_that_it_stands_for(kind: Kind) -> None:
    event = payload.read("transcribe.so", json.dumps(announcement(kind)).encode())
    assert isinstance(event, Event)
    is_test = kind == "test"
    assert event.type == ("webhook.test" if is_test else f"transcription.{kind}")
    assert event.transcription.id == (None if is_test else str(EXAMPLE_ID))
    assert event.id != announcement(kind)["id"]
