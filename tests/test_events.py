"""`receiver.events`: which ids and types an event can have, and which bodies are read as JSON."""

import hashlib
import json

import pytest

from receiver import events
from receiver.events import Event, NotAnEventError, Transcription, Unreadable, document, identity

SOURCE = "transcribe.so"


def body(event_id: object = "evt_1", event_type: object = "webhook.test", **more: object) -> bytes:
    return json.dumps({"id": event_id, "event": event_type, **more}).encode()


def with_value(json_text: str) -> bytes:
    """Return the body of a valid event with one more raw value."""
    return b'{"id":"evt_1","event":"webhook.test","n":%s}' % json_text.encode("utf-8", "surrogatepass")


# --- ids and types ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_id", ["e", "evt_1", "!", "~", "e" * 255, "../x", "a'b\"c\\", "01234", "null"])
def test_an_id_is_1_to_255_visible_ascii_characters(event_id: str) -> None:
    assert identity(event_id, "webhook.test") == (event_id, "webhook.test")


@pytest.mark.parametrize("event_id", [
    None, 1, 1.5, True, [], ["evt_1"], {}, {"$ne": None}, "", " ", "a b", "a\n", "\na", "a\t", "\x7f", "\x1f", "é",
    "\u00a0", "\u0661", "e" * 256, "e" * 3000,
])  # fmt: skip
def test_any_other_id_is_unreadable(event_id: object) -> None:
    with pytest.raises(NotAnEventError, match="its id is not 1 to 255 visible ASCII characters"):
        identity(event_id, "webhook.test")


@pytest.mark.parametrize("event_type", [
    "a", "ping", "webhook.test", "transcription.completed", "transcription.archived", "a.b.c.d", "a_1.b_2", "a__",
    "transcription", "x" * 255,
])  # fmt: skip
def test_a_type_is_lower_case_dotted_words_of_which_we_need_know_none(event_type: str) -> None:
    assert identity("evt_1", event_type) == ("evt_1", event_type)


@pytest.mark.parametrize("event_type", [
    None, 1, True, [], {}, "", ".", "a.", ".a", "a..b", "A", "a.B", "1a", "a.1", "_a", "a-b", "a b", "a\n", "\na", "é",
    "*", "a.*", "x" * 256, "a." * 200 + "a",
])  # fmt: skip
def test_any_other_type_is_unreadable(event_type: object) -> None:
    with pytest.raises(NotAnEventError, match="its type is not lower-case dotted words"):
        identity("evt_1", event_type)


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
    with pytest.raises(NotAnEventError) as refused:
        document(raw)
    assert str(refused.value) == why


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
    assert document(with_value(text))["id"] == "evt_1"


@pytest.mark.parametrize("raw", [b" " + body() + b"\r\n\t ", body().replace(b", ", b"\n,\t")])
def test_blanks_around_are_read_over(raw: bytes) -> None:
    assert document(raw) == json.loads(raw)


# --- unreadable ------------------------------------------------------------------------------------------------------


def test_what_a_callback_says_of_another_transcription_takes_nobodys_id() -> None:
    content = Event(SOURCE, "evt_1", "transcription.completed", transcription=Transcription(id="7"), raw=b"raw")
    assert events.about(content, "7") is content
    for other in ("8", None):
        foreign = events.about(content, other)
        assert isinstance(foreign, Unreadable)
        assert (foreign.source, foreign.id, foreign.raw) == (SOURCE, hashlib.sha256(b"raw").hexdigest(), b"raw")


def test_what_is_unreadable_stays_so_whatever_it_is_about() -> None:
    content = events.unreadable(SOURCE, b"{", "why")
    assert events.about(content, "7") is content


# --- what strangers are shown ----------------------------------------------------------------------------------------

URL = "https://u:s3cret@h.example/a b.mp3?sig=s3cret"


def test_strangers_are_shown_addresses_without_what_is_secret_in_them() -> None:
    told = {"recording": URL, "error": f"no answer of {URL}", "options": {"of": [URL, 1, None]}}
    found = Event(SOURCE, "evt_1", "separation.completed", data={"submission": told, "new": [URL]})
    public = "https://h.example/a b.mp3?…"
    shown = {"recording": public, "error": f"no answer of {public}", "options": {"of": [public, 1, None]}}
    assert found.shown == {"submission": shown, "new": [public]}
    assert found.title == public
    assert found.data["submission"] == told, "a handler has it all"


@pytest.mark.parametrize(("title", "data", "shown"), [
    ("Pilot", {"submission": {"recording": "a.wav"}}, "Pilot"),
    ("", {"submission": {"recording": "a.wav"}}, "a.wav"),
    ("https://h.example/a?s3cret", {}, "https://h.example/a?…"),
    ("Episode 1 https://u:s3cret@cdn/a.mp3?sig=s3cret", {}, "Episode 1 https://cdn/a.mp3?…"),
    ("s3://key:s3cret@b/a b?X-Amz-Signature=s3cret", {}, "s3://b/a b?…"),
    ("Talk https://h.example/a b.mp3?sig=s3cret", {}, "Talk https://h.example/a b.mp3?…"),
    ("Of https://h.example/a and https://u:s3cret@h.example/b", {}, "Of https://h.example/a and https://h.example/b"),
    ("AC://DC Live at Wembley", {}, "AC://DC Live at Wembley"),
    (None, {"submission": {"recording": "ftp://u:s3cret@h/a"}}, "ftp://h/a"),
    (None, {"submission": ["no object"]}, None),
    (None, {"submission": {"recording": 7}}, None),
    (None, {}, None),
])  # fmt: skip
def test_an_event_is_called_by_its_title_or_its_recording(
    title: str | None, data: dict[str, object], shown: str | None
) -> None:
    found = Event(SOURCE, "evt_1", "transcription.completed", data=data, transcription=Transcription(title=title))
    assert found.title == shown
