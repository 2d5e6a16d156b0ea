"""`receiver.web.schemas`: whatever a class holds, what is printed of it is as its schema says, and nothing else."""

import json
from datetime import UTC
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from receiver import Announcement, Chapter, QnA, Section, Segment, Word
from receiver.events import AccountId, Event, Transcription
from receiver.submissions.records import Submission
from receiver.transcripts import Transcript
from receiver.transcripts.documents import fields
from receiver.web import schemas

TEXT = st.text(max_size=5)
TEXTS = st.none() | TEXT
LENGTH = st.floats(allow_nan=False, allow_infinity=False)
LENGTHS = st.none() | LENGTH
JSON = st.dictionaries(TEXT, TEXTS | LENGTH | st.lists(TEXTS), max_size=3)
MOMENT = st.datetimes(timezones=st.just(UTC))


def some(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=2).map(tuple)


WORDS = st.builds(Word, LENGTH, LENGTH, TEXT, TEXTS)
TRANSCRIPTS = st.builds(
    Transcript, some(st.builds(Segment, LENGTH, LENGTH, TEXT, TEXTS, some(WORDS))),
    some(st.builds(Chapter, LENGTH, TEXT, LENGTHS, TEXTS)), some(st.builds(Section, LENGTH, TEXT, TEXTS)),
    some(st.builds(QnA, TEXT, TEXT)), TEXTS,
)  # fmt: skip
SUBMISSIONS = st.builds(
    Submission, wishes=JSON, upload=JSON, files=st.dictionaries(TEXT, TEXT, max_size=2),
    **dict.fromkeys(("duration_seconds", "progress", "charged", "balance_before", "max_charge"), LENGTHS),
    **dict.fromkeys(("sent_at", "accepted_at", "ended_at", "seen_at", "look_at", "overdue_at"), st.none() | MOMENT),
    created_at=MOMENT,
)  # fmt: skip
TRANSCRIPTIONS = st.builds(
    Transcription, **dict.fromkeys(("id", "status", "title", "language", "completed_at"), TEXTS),
    duration_seconds=LENGTHS, charge_usd=LENGTHS,
)  # fmt: skip
EVENTS = st.builds(Event, data=JSON, created=LENGTHS, transcription=TRANSCRIPTIONS)


@pytest.fixture(params=list(schemas.DOCUMENTS))
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def strict(schema: Any) -> Any:
    """Return a schema that takes no field that it does not name."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if isinstance(schema.get("properties"), dict) else {}
    return {key: strict(one) for key, one in schema.items()} | closed


STRICT = {name: Draft202012Validator(strict(schemas.document(name))) for name in schemas.DOCUMENTS}


def hold(name: str, document: Any) -> None:
    """Hold a document against its schema, as it is written."""
    STRICT[name].validate(json.loads(json.dumps(document)))


def test_it_is_a_schema_whose_references_lead_somewhere(name: str) -> None:
    schema = schemas.document(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    named = [part.split('"')[0] for part in json.dumps(schema).split('"$ref": "#/$defs/')[1:]]
    assert {*named} == {*schema.get("$defs", {})}


def test_it_describes_and_demands_every_field_but_the_words_of_a_segment(name: str) -> None:
    schema = schemas.document(name)
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["description"]
        if part["type"] == "object":
            assert {*part["properties"]} - {*part["required"]} <= {"words"}


@given(TRANSCRIPTS)
def test_a_transcript_is_as_it_says(transcript: Transcript) -> None:
    hold("transcript", fields(transcript))


@given(SUBMISSIONS)
def test_a_submission_is_as_it_says(submission: Submission) -> None:
    hold("submission", submission.to_json())


@given(EVENTS, st.none() | TRANSCRIPTS, st.sampled_from([0, 300, 10_000]))
def test_an_event_is_as_it_says_also_a_shortened_one(event: Event, transcript: Transcript | None, most: int) -> None:
    account = AccountId("timbr", "https://app.timbr.studio", "default")
    STRICT["event"].validate(json.loads(Announcement.of(event, account, transcript).encoded(most=most)))


@pytest.mark.parametrize(("name", "wrong"), [
    ("transcript", {"title": None, "text": "", "segments": [{"start_seconds": "0"}]}),
    ("submission", {"id": "sub_1", "state": "lost"}),
    ("event", {"type": "transcription.completed", "timestamp": None, "data": {"transcript": {}}}),
])  # fmt: skip
def test_what_is_not_as_it_says_is_refused(name: str, wrong: Any) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, schemas.document(name))
