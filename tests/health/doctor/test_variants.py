"""`health.doctor.variants`: what was signed is among what others can have made this of, and there is never too much."""

import gzip
import json
import tracemalloc
from collections.abc import Callable

import pytest

from receiver.health.doctor import variants
from receiver.health.doctor.capture import BOM
from receiver.health.doctor.variants import MOST_BYTES, Rewritten
from receiver.providers.transcribe_so.payload import FIELDS
from tests.processes import REPOSITORY

DOCUMENTED = json.loads((REPOSITORY / "tests/specification/transcribe_so/answers/event.json").read_text())
DOCUMENT = {"id": "evt_1", "event": "transcription.completed", "data": {"title": "Größe/1", "b": [1, None], "a": 1.5}}
BODY = json.dumps(DOCUMENT, ensure_ascii=False, separators=(",", ":")).encode()
LINES = json.dumps(DOCUMENT, indent=2, ensure_ascii=False).encode() + b"\n"


def causes(signed: bytes, came: bytes) -> list[Rewritten]:
    """Return why what was signed can have become what came."""
    return [one.cause for one in variants.of_body(came) if one.body == signed]


@pytest.mark.parametrize(
    ("cause", "changed"),
    [
        ("line_ends", lambda body: body.replace(b"\n", b"\r\n")), ("line_ends", lambda body: body.rstrip(b"\n")),
        ("line_ends", lambda body: body + b"\r\n"), ("line_ends", lambda body: b" " + body.rstrip() + b" "),
        ("bom", lambda body: BOM + body), ("bom", lambda body: BOM + body.replace(b"\n", b"\r\n") + b"\r\n"),
        ("gzip", gzip.compress), ("gzip", lambda body: gzip.compress(json.dumps(json.loads(body)).encode())),
        ("gzip", lambda body: gzip.compress(body + b"\n")),
        ("json", lambda body: json.dumps(json.loads(body), indent=3).encode()),
        ("charset", lambda body: body.decode().encode("latin-1")),
        ("charset", lambda body: body.decode("latin-1").encode()),
        ("charset", lambda body: body.decode().encode("utf-16")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", [LINES, BODY], ids=["lines", "line"])
def test_a_body_that_was_changed_on_its_way_is_found(
    cause: Rewritten, changed: Callable[[bytes], bytes], body: bytes
) -> None:
    came = changed(body)
    if came != body and not (came.startswith(b" ") and body == LINES):  # its last line end is lost
        assert causes(body, came) == [cause]


def test_a_mark_that_was_taken_away_is_found() -> None:
    assert causes(BOM + BODY, BODY) == ["bom"]


@pytest.mark.parametrize("in_order", [False, True], ids=["as it was", "sorted"])
@pytest.mark.parametrize("ascii_only", [False, True], ids=["utf-8", "ascii"])
@pytest.mark.parametrize("indent", [None, 2, 4, "\t"])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": "), (",", ": ")])
def test_json_is_found_however_a_program_wrote_it(
    indent: int | str | None, separators: tuple[str, str], *, ascii_only: bool, in_order: bool
) -> None:
    if indent is not None:
        separators = (",", ": ")
    signed = json.dumps(
        DOCUMENT, indent=indent, separators=separators, ensure_ascii=ascii_only, sort_keys=in_order
    ).encode()
    for one in (signed, signed + b"\n", signed.replace(b"/", b"\\/"), signed.replace(b"/", b"\\/") + b"\n"):
        assert causes(one, json.dumps(DOCUMENT, indent=3).encode()) == ["json"]


def test_what_was_put_in_another_order_is_found_by_the_order_of_the_documentation() -> None:
    signed = json.dumps(DOCUMENTED).encode()
    assert causes(signed, json.dumps(DOCUMENTED, sort_keys=True, indent=1).encode()) == ["json"]
    listed = json.dumps([DOCUMENTED, {"z": 1, "event": 2, "id": 3, "y": 4}]).encode()
    assert causes(listed, json.dumps([DOCUMENTED, {"z": 1, "id": 3, "event": 2, "y": 4}]).encode()) == []
    wanted = json.dumps([DOCUMENTED, {"id": 3, "event": 2, "z": 1, "y": 4}]).encode()
    assert causes(wanted, listed) == ["json"]


def test_the_fields_are_in_the_order_of_the_documentation() -> None:
    names = [*DOCUMENTED, *DOCUMENTED["data"], *DOCUMENTED["data"]["transcription"]]
    assert [name for name in dict.fromkeys(names) if name in FIELDS] == list(FIELDS)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 900 + b"0," * 100_000 + b"0" + b"]" * 900, b"[" * 130_000 + b"]" * 130_000,
        b"[" + b"0," * 131_000 + b"0]", gzip.compress(b"0" * 50_000_000, mtime=0), BOM + b"1" * 5000,
        b"1" * MOST_BYTES, b'"\\ud800"', b"NaN",
    ],
    ids=["deep", "deepest", "numbers", "packed", "number", "one number", "surrogate", "nan"],
)  # fmt: skip
def test_there_is_never_too_much(body: bytes) -> None:
    found = [one.body for one in variants.of_body(body)]
    assert max(map(len, found), default=0) <= MOST_BYTES
    assert len({body, *found}) == len(found) + 1 < 700


@pytest.mark.parametrize(
    "body", [gzip.compress(b"0" * 50_000_000, mtime=0), b"[" * 300 + b"0," * 30_000 + b"0" + b"]" * 300]
)
def test_what_grows_when_it_is_unpacked_or_indented_takes_little_memory(body: bytes) -> None:
    tracemalloc.start()
    try:
        assert all(variants.of_body(body))
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("secret", "written"),
    [
        (b"a", b"a\n"), (b"a", b"a\r\n"), (b"a", b"a "), (b"a", b" a"), (b"a", b'"a"'), (b"a", b"'a'"),
        (b"a", b"'a'\n"), (b"a\t", b"a"), (b'"a"', b"a"), (b"'a'\n", b"a"), (b"' a '", b"a"),
    ],
)  # fmt: skip
def test_a_secret_can_be_written_wrong_on_either_side(secret: bytes, written: bytes) -> None:
    found = [one for _, one in variants.of_secret(secret)]
    assert written in found
    assert secret not in found
    assert len(found) <= variants.SECRETS


@pytest.mark.parametrize("stamp", [b"$7", b"7"])
@pytest.mark.parametrize("body", [b"$x", b"x"])
def test_a_dollar_can_be_signed_before_the_time_and_before_the_body(stamp: bytes, body: bytes) -> None:
    found = [(one, other) for cause, one, other in variants.of_signing(b"7", b"x") if cause == "dollar"]
    assert ((stamp, body) in found) == ((stamp, body) != (b"7", b"x"))
