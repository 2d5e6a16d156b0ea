"""`receiver.events`: which bodies are events, and which are kept as unreadable. None raises."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from receiver import events
from receiver.events import Event, Transcription, Unreadable, read

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


@pytest.mark.parametrize("escaped", [b'"\\u0065vt_1"', b'"evt\\u005f1"'])
def test_an_escaped_id_is_the_same_id(escaped: bytes) -> None:
    assert event(b'{"id":%s,"event":"webhook.test"}' % escaped).id == "evt_1"


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


# --- ids and types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_id", ["e", "evt_1", "!", "~", "e" * 255, "../x", "a'b\"c\\", "01234", "null"])
def test_an_id_is_1_to_255_visible_ascii_characters(event_id: str) -> None:
    assert event(body(event_id)).id == event_id


@pytest.mark.parametrize("event_id", [
    None, 1, 1.5, True, [], ["evt_1"], {}, {"$ne": None}, "", " ", "a b", "a\n", "\na", "a\t", "\x7f", "\x1f", "é",
    "\u00a0", "\u0661", "e" * 256, "e" * 3000,
])  # fmt: skip
def test_any_other_id_is_unreadable(event_id: object) -> None:
    assert reason(body(event_id)) == "its id is not 1 to 255 visible ASCII characters"


@pytest.mark.parametrize("event_type", [
    "a", "ping", "webhook.test", "transcription.completed", "transcription.archived", "a.b.c.d", "a_1.b_2", "a__",
    "transcription", "x" * 255,
])  # fmt: skip
def test_a_type_is_lower_case_dotted_words_of_which_we_need_know_none(event_type: str) -> None:
    if event_type == "transcription.completed":
        assert event(about({"id": 1}, event_type)).type == event_type
    else:
        assert event(body(event_type=event_type)).type == event_type


@pytest.mark.parametrize("event_type", [
    None, 1, True, [], {}, "", ".", "a.", ".a", "a..b", "A", "a.B", "1a", "a.1", "_a", "a-b", "a b", "a\n", "\na", "é",
    "*", "a.*", "x" * 256, "a." * 200 + "a",
])  # fmt: skip
def test_any_other_type_is_unreadable(event_type: object) -> None:
    assert reason(body(event_type=event_type)) == "its type is not lower-case dotted words"


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


# --- JSON, strictly --------------------------------------------------------------------------------------------------


def arrays(depth: int) -> str:
    return "[" * depth + "]" * depth


def objects(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


NOT_JSON, NOT_UTF8, NOT_AN_OBJECT = "it is not JSON", "it is not UTF-8", "it is not a JSON object"
TWICE, UNSTORABLE = "a key occurs twice in one object", "a text contains NUL or half a surrogate pair"
TOO_DEEP, TOO_LONG = "it is nested deeper than 64", "an integer has more than 40 digits"

UNREADABLE = [
    # no UTF-8
    (NOT_UTF8, "a lone continuation byte", with_value('"x"').replace(b"x", b"\x80")),
    (NOT_UTF8, "latin-1", with_value('"x"').replace(b"x", b"\xe9")),
    (NOT_UTF8, "an overlong form", with_value('"x"').replace(b"x", b"\xc0\xaf")),
    (NOT_UTF8, "a surrogate in bytes", with_value('"\ud800"')),
    (NOT_UTF8, "beyond Unicode", with_value('"x"').replace(b"x", b"\xf4\x90\x80\x80")),
    (NOT_UTF8, "UTF-16 with its mark", body().decode().encode("utf-16")),
    (NOT_UTF8, "gzip", b"\x1f\x8b\x08\x00" + bytes(20)),
    # no JSON
    (NOT_JSON, "nothing", b""),
    (NOT_JSON, "blanks", b" \r\n\t"),
    (NOT_JSON, "words", b"transcription completed"),
    (NOT_JSON, "a page", b"<html></html>"),
    (NOT_JSON, "a form", b"id=evt_1&event=webhook.test"),
    (NOT_JSON, "single quotes", b"{'id':'evt_1','event':'webhook.test'}"),
    (NOT_JSON, "a byte order mark", b"\xef\xbb\xbf" + body()),
    (NOT_JSON, "UTF-16 without its mark", body().decode().encode("utf-16-le")),
    (NOT_JSON, "two documents", body() + body()),
    (NOT_JSON, "two documents on lines", body() + b"\n" + body("evt_2")),
    (NOT_JSON, "something after it", body() + b"x"),
    (NOT_JSON, "NUL after it", body() + b"\x00"),
    (NOT_JSON, "cut", body()[:-1]),
    (NOT_JSON, "a comma too many", with_value("[1,]")),
    (NOT_JSON, "a comma too many in the object", body()[:-1] + b",}"),
    (NOT_JSON, "a comment", with_value("1 /* one */")),
    (NOT_JSON, "a line end in a text", with_value('"a\nb"')),
    (NOT_JSON, "NUL in a text", with_value('"a\x00b"')),
    (NOT_JSON, "an unknown escape", with_value('"\\x41"')),
    (NOT_JSON, "half an escape", with_value('"\\u00"')),
    (NOT_JSON, "a leading zero", with_value("012")),
    (NOT_JSON, "a plus", with_value("+1")),
    (NOT_JSON, "a bare point", with_value("1.")),
    (NOT_JSON, "hex", with_value("0x10")),
    (NOT_JSON, "Arabic-Indic digits", with_value("١٢")),
    (NOT_JSON, "no-break space between", with_value("\u00a01")),
    (NOT_JSON, "True", with_value("True")),
    # no object
    *[(NOT_AN_OBJECT, text, text.encode()) for text in ('"evt_1"', "1", "1.5", "true", "null", "[]", "[{}]")],
    # keys
    (TWICE, "the id", b'{"id":"evt_a","event":"webhook.test","id":"evt_b"}'),
    (TWICE, "the id with one value", b'{"id":"evt_a","event":"webhook.test","id":"evt_a"}'),
    (TWICE, "the id, escaped", b'{"id":"evt_a","event":"webhook.test","\\u0069d":"evt_b"}'),
    (TWICE, "nested", with_value('{"a":1,"a":1}')),
    (TWICE, "nested in an array", with_value('[[{"a":{"b":1,"c":2,"b":3}}]]')),
    (TWICE, "an empty key", with_value('{"":1,"":2}')),
    # constants
    *[(f"{name} is not JSON", name, with_value(name)) for name in ("NaN", "Infinity", "-Infinity")],
    ("NaN is not JSON", "NaN, deep", with_value('[{"a":[NaN]}]')),
    ("NaN is not JSON", "NaN alone", b"NaN"),
    # what PostgreSQL cannot store
    (UNSTORABLE, "NUL", with_value('"\\u0000"')),
    (UNSTORABLE, "NUL inside", with_value('"a\\u0000b"')),
    (UNSTORABLE, "NUL, deep", with_value('[{"a":["b\\u0000"]}]')),
    (UNSTORABLE, "NUL in a key", with_value('{"a\\u0000":1}')),
    (UNSTORABLE, "NUL in a key of the top", b'{"id":"evt_1","event":"webhook.test","\\u0000":1}'),
    (UNSTORABLE, "NUL in a key, deep", with_value('[{"a":{"\\u0000":1}}]')),
    (UNSTORABLE, "NUL in the id", b'{"id":"evt_\\u0000","event":"webhook.test"}'),
    (UNSTORABLE, "the first half of a pair", with_value('"\\ud800"')),
    (UNSTORABLE, "the second half of a pair", with_value('"\\udfff"')),
    (UNSTORABLE, "the halves the wrong way round", with_value('"\\ude00\\ud83d"')),
    (UNSTORABLE, "the halves apart", with_value('"\\ud83d \\ude00"')),
    (UNSTORABLE, "half a pair in a key", with_value('[{"\\ud800":1}]')),
    # size
    (TOO_DEEP, "arrays, 65 with the event", with_value(arrays(64))),
    (TOO_DEEP, "objects, 65 with the event", with_value(objects(64))),
    (TOO_DEEP, "both, 65 with the event", with_value('[{"a":' * 32 + "1" + "}]" * 32)),
    (TOO_DEEP, "beside something flat", with_value("[1," + arrays(63) + ",2]")),
    (TOO_DEEP, "1,000", with_value(arrays(1000))),
    (TOO_DEEP, "100,000", with_value(arrays(100_000))),
    (TOO_DEEP, "100,000 objects", with_value(objects(100_000))),
    (TOO_DEEP, "100,000 and never closed", b"[" * 100_000),
    (TOO_LONG, "41 digits", with_value("1" * 41)),
    (TOO_LONG, "minus and 41 digits", with_value("-" + "1" * 41)),
    (TOO_LONG, "5,000 digits, which Python refuses to convert", with_value("1" * 5000)),
    (TOO_LONG, "41 digits as transcription id", b'{"id":"e","event":"transcription.completed",'
     b'"data":{"transcription":{"id":%s}}}' % (b"1" * 41)),
]  # fmt: skip


@pytest.mark.parametrize(("why", "raw"), [pytest.param(why, raw, id=f"{why}: {what}") for why, what, raw in UNREADABLE])
def test_a_body_is_unreadable_because(why: str, raw: bytes) -> None:
    assert reason(raw) == why


READABLE = {
    "arrays, 64 with the event": arrays(63),
    "objects, 64 with the event": objects(63),
    "many at depth 64": "[" + ",".join([arrays(62)] * 100) + "]",
    "40 digits": "1" * 40,
    "minus and 40 digits": "-" + "1" * 40,
    "minus zero": "-0",
    "50 digits that are a float": "0." + "1" * 50,
    "a float too large": "1e400",
    "a pair of halves": '"\\ud83d\\ude00"',
    "the same outside of the basic plane": '"😀"',
    "what looks like NUL": '"\\\\u0000"',
    "the names of constants": '["NaN", "Infinity"]',
    "the highest of a plane": '"\\uffff\\ue000\\ud7ff"',
    "one key in two objects": '[{"a":1},{"a":1},{"b":{"a":1}}]',
    "keys that differ in case": '{"a":1,"A":2}',
    "keys that look the same": '{"é":1,"e\u0301":2}',
    "escapes": '"\\b\\f\\n\\r\\t\\/\\"\\\\"',
    "an empty key": '{"":1}',
    "50,000 values": "[" + "0," * 49_999 + "0]",
}


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE.keys())
def test_a_body_is_readable_with(text: str) -> None:
    assert event(with_value(text)).id == "evt_1"


@pytest.mark.parametrize("raw", [b" " + body() + b"\r\n\t ", body().replace(b", ", b"\n,\t")])
def test_blanks_around_are_read_over(raw: bytes) -> None:
    assert event(raw).raw == raw


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


def test_what_a_callback_says_of_another_transcription_takes_nobodys_id() -> None:
    body = b'{"id": "evt_1", "event": "transcription.completed", "data": {"transcription": {"id": 7}}}'
    content = read("transcribe.so", body)
    assert events.about(content, "7") is content
    for other in ("8", None):
        foreign = events.about(content, other)
        assert isinstance(foreign, Unreadable)
        assert (foreign.id, foreign.raw) == (hashlib.sha256(body).hexdigest(), body)
    assert isinstance(events.about(read("transcribe.so", b"{"), "7"), Unreadable)
