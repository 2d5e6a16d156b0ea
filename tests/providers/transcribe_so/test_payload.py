"""`receiver.providers.transcribe_so.payload`: which bodies are events. None raises."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver.events import Event, Transcription, Unreadable
from receiver.providers.transcribe_so.payload import read

SOURCE = "transcribe.so"


def body(event_id: object = "evt_1", event_type: object = "webhook.test", **more: object) -> bytes:
    return json.dumps({"id": event_id, "event": event_type, **more}).encode()


def about(transcription: object, event_type: str = "transcription.completed") -> bytes:
    return body(event_type=event_type, data={"transcription": transcription})


def with_value(json_text: str) -> bytes:
    """Return the body of a valid event with one more raw value."""
    return b'{"id":"evt_1","event":"webhook.test","n":%s}' % json_text.encode("utf-8", "surrogatepass")


def event(raw: bytes) -> Event:
    content = read(SOURCE, raw)
    assert isinstance(content, Event), content.reason
    return content


def reason(raw: bytes) -> str:
    content = read(SOURCE, raw)
    assert isinstance(content, Unreadable), "this is an event"
    return content.reason


# --- what an event is ------------------------------------------------------------------------------------------------

DOCUMENTED: dict[str, Any] = {
    "id": "evt_a1b2c3", "event": "transcription.completed", "created": 1777472458,
    "data": {"transcription": {
        "id": 4821, "status": "completed", "stage": "completed", "pipeline_code": "qwen3", "language": "auto",
        "source": "upload", "title": "Zwölf", "duration_seconds": 61.5, "billed_seconds": 62,
        "charge_usd": 0.0054, "completed_at": "2026-04-29T14:20:58.000Z", "unknown": [1],
    }, "more": {"a": None}},
    "livemode": True,
}  # fmt: skip


def test_an_event_is_read_whole_and_kept_raw() -> None:
    raw = json.dumps(DOCUMENTED, indent=1).encode()
    assert read(SOURCE, raw) == Event(
        source=SOURCE, id="evt_a1b2c3", type="transcription.completed", created=1777472458, data=DOCUMENTED["data"],
        transcription=Transcription(
            id="4821", status="completed", stage="completed", pipeline_code="qwen3", language="auto", source="upload",
            title="Zwölf", duration_seconds=61.5, billed_seconds=62, charge_usd=0.0054,
            completed_at="2026-04-29T14:20:58.000Z",
        ),
        raw=raw,
    )  # fmt: skip


def test_an_event_needs_an_id_and_a_type_alone() -> None:
    assert event(body()) == Event(source=SOURCE, id="evt_1", type="webhook.test", raw=body())


TEXTS = ("status", "stage", "pipeline_code", "language", "source", "title", "completed_at")
NUMBERS = ("duration_seconds", "billed_seconds", "charge_usd")


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("value", [None, 1, True, ["x"], {"x": "y"}])
def test_a_text_that_is_none_is_left_out(name: str, value: object) -> None:
    assert event(about({"id": 1, name: value})).transcription == Transcription(id="1")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [None, "1", True, False, [1], {"x": 1}])
def test_a_number_that_is_none_is_left_out(name: str, value: object) -> None:
    assert event(about({"id": 1, name: value})).transcription == Transcription(id="1")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0, 1, -1, 0.5, 1e30])
def test_a_number_is_taken_as_it_is(name: str, value: float) -> None:
    assert getattr(event(about({"id": 1, name: value})).transcription, name) == value


@pytest.mark.parametrize(("created", "read_as"), [
    (1777472458, 1777472458), (1777472458.5, 1777472458.5), (-1, -1), ("yesterday", None), (None, None), (True, None),
    ([1], None),
])  # fmt: skip
def test_created_is_a_number_or_nothing(created: object, read_as: float | None) -> None:
    assert event(body(created=created)).created == read_as


@pytest.mark.parametrize("data", [None, [], "text", 1, {"transcription": None}, {"transcription": "4821"}])
def test_a_transcription_is_never_none(data: Any) -> None:
    content = event(body(data=data))
    assert content.transcription == Transcription()
    assert content.data == (data if isinstance(data, dict) else {})


@pytest.mark.parametrize("title", [
    "<script>alert(1)</script>", "=HYPERLINK(1)", "../../etc/passwd", "\u202egnp.exe", "{{7*7}}", "'; drop table x;--",
    "\x1b[2J", "a\r\nb", "\U0001f600", "", "\ufeff", "\ufffe",
])  # fmt: skip
def test_a_hostile_title_is_data(title: str) -> None:
    for ascii_only in (True, False):
        raw = json.dumps(
            {"id": "e", "event": "transcription.completed", "data": {"transcription": {"id": 1, "title": title}}},
            ensure_ascii=ascii_only,
        )
        assert event(raw.encode()).transcription.title == title


@pytest.mark.parametrize("escaped", [b'"\\u0065vt_1"', b'"evt\\u005f1"'])
def test_an_escaped_id_is_the_same_id(escaped: bytes) -> None:
    assert event(b'{"id":%s,"event":"webhook.test"}' % escaped).id == "evt_1"


@pytest.mark.parametrize(("raw", "why"), [
    (b"{}", "its id"), (b'{"event":"webhook.test"}', "its id"), (b'{"id":"evt_1"}', "its type"),
    (b'{"ID":"evt_1","event":"webhook.test"}', "its id"), (b'{"id":"evt_1","type":"webhook.test"}', "its type"),
])  # fmt: skip
def test_an_id_and_a_type_must_be_there(raw: bytes, why: str) -> None:
    assert reason(raw).startswith(why)


# --- transcription ids -----------------------------------------------------------------------------------------------

WRONG_IDS = [0, -1, True, False, 1.0, 4821.5, "4821", "", "../me", [], [4821], {}, {"id": 1}, 2**63, -(2**63), 10**39]


@pytest.mark.parametrize("value", [1, 4821, 2**53 + 1, 2**63 - 1])
@pytest.mark.parametrize("event_type", ["transcription.completed", "transcription.failed", "webhook.test"])
def test_a_transcription_id_is_a_positive_63_bit_integer_and_becomes_text(value: int, event_type: str) -> None:
    assert event(about({"id": value}, event_type)).transcription.id == str(value)


@pytest.mark.parametrize("value", [None, *WRONG_IDS])
def test_completed_is_unreadable_without_a_right_id(value: object) -> None:
    assert reason(about({"id": value})) == "it has no positive 63-bit transcription id"


@pytest.mark.parametrize("data", [{}, None, [], {"transcription": None}, {"transcription": {}}, {"transcription": [1]}])
def test_completed_is_unreadable_without_a_transcription(data: object) -> None:
    raw = body(event_type="transcription.completed", data=data)
    assert reason(raw) == "it has no positive 63-bit transcription id"


@pytest.mark.parametrize("event_type", ["transcription.failed", "transcription.a.b", "transcription.completed.late"])
@pytest.mark.parametrize("value", WRONG_IDS)
def test_the_rest_of_the_family_is_unreadable_with_a_wrong_id(event_type: str, value: object) -> None:
    assert reason(about({"id": value}, event_type)) == "its transcription id is not a positive 63-bit integer"


@pytest.mark.parametrize("transcription", [None, {}, {"id": None}, [], "x"])
def test_the_rest_of_the_family_needs_no_id(transcription: object) -> None:
    assert event(about(transcription, "transcription.failed")).transcription.id is None


@pytest.mark.parametrize("event_type", ["webhook.test", "transcription", "transcriptions.done", "x.transcription.y"])
@pytest.mark.parametrize("value", [None, *WRONG_IDS])
def test_in_other_types_a_wrong_id_is_ignored(event_type: str, value: object) -> None:
    assert event(about({"id": value}, event_type)).transcription.id is None


def test_a_transcription_id_is_not_rounded() -> None:
    assert event(about({"id": 9007199254740993})).transcription.id == "9007199254740993"


# --- unreadable ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", [b"", b"\xff\x00", b"[" * 100_000, body(""), with_value("NaN")])
def test_an_unreadable_body_is_kept_raw_under_the_hash_of_its_bytes(raw: bytes) -> None:
    content = read(SOURCE, raw)
    assert isinstance(content, Unreadable)
    assert (content.source, content.id, content.raw) == (SOURCE, hashlib.sha256(raw).hexdigest(), raw)


def test_bodies_that_mean_the_same_are_unreadable_apart() -> None:
    assert read(SOURCE, b"[]") != read(SOURCE, b"[ ]")


@pytest.mark.parametrize("source", ["transcribe.so", "another"])
def test_the_source_comes_from_who_asks(source: str) -> None:
    assert read(source, body(source="x")).source == source
    assert read(source, b"").source == source


# --- whatever arrives ------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["\ud800", "\0"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
members = st.fixed_dictionaries(
    {},
    optional={
        "id": st.just("evt_1") | values,
        "event": st.sampled_from(["transcription.completed", "transcription.failed", "webhook.test"]) | values,
        "created": values,
        "data": values
        | st.fixed_dictionaries(
            {
                "transcription": values
                | st.fixed_dictionaries({"id": st.integers(-5, 2**64) | values}, optional=dict.fromkeys(TEXTS, values))
            }
        ),
        "more": values,
    },
)


def hold(raw: bytes) -> None:
    """Read `raw`, and check what must hold for every outcome."""
    content = read(SOURCE, raw)
    assert content.raw == raw
    assert content.source == SOURCE
    if isinstance(content, Unreadable):
        assert content.id == hashlib.sha256(raw).hexdigest()
        assert content.reason.isprintable()
        return
    assert isinstance(content.transcription, Transcription)
    assert content.transcription.id is not None or content.type != "transcription.completed"
    assert content.transcription.id is None or 0 < int(content.transcription.id) < 2**63
    assert 1 <= len(content.id.encode("ascii")) <= 255
    assert content.type == content.type.lower()
    stored = f"{content.id}{content.type}{content.data}{content.transcription}"
    assert "\0" not in stored
    stored.encode()


@given(st.binary(max_size=200))
@example(b"")
@example(body())
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    hold(raw)


@given(values | members)
@example({"id": "evt_1", "event": "webhook.test"})
@example({"id": "evt_1", "event": "transcription.completed", "data": {"transcription": {"id": 1}}})
def test_no_json_value_makes_it_raise(value: object) -> None:
    hold(json.dumps(value).encode())


@given(members, st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_no_spoilt_event_makes_it_raise(value: object, place: int, bits: bytes) -> None:
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    hold(raw[:place] + bits + raw[place + 1 :])


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255))
def test_every_visible_id_is_kept_as_it_is(event_id: str) -> None:
    assert event(body(event_id)).id == event_id
