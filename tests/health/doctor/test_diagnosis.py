"""`health.doctor`: each thing that can be wrong with a delivery is made and named; what nobody knows is unknown."""

import gzip
import json
import random
import re
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver import signature
from receiver.errors import ImpossibleError
from receiver.health.doctor import Candidate, Captured, Cause, captured, examine
from receiver.health.doctor.capture import BOM
from receiver.health.doctor.diagnosis import Belonging
from receiver.health.doctor.variants import Misread, Rewritten
from tests.processes import REPOSITORY

NOW = 1_777_472_458
SECRET = b"whsec_of_this_account"
KNOWN = [
    Candidate(SECRET, "well", "the secret of the account"), Candidate(b"whsec_webhook", "webhook", "of a webhook", "a"),
    Candidate(b"whsec_old", "old_secret", "an older secret", "b"), Candidate(b"whsec_key", "other_key", "another", "c"),
    Candidate(b"whsec_big", "other_account", "of big-show", "d"), Candidate(b"whsec_job", "callback", "of a job", "e"),
]  # fmt: skip
DOCUMENT = {"id": "evt_1", "event": "transcription.completed", "data": {"title": "Größe/1", "b": [1, None], "a": 1.5}}
BODY = json.dumps(DOCUMENT, ensure_ascii=False, separators=(",", ":")).encode()
LINES = json.dumps(DOCUMENT, indent=2).encode() + b"\n"

CAUSES = {*get_args(Rewritten), *get_args(Misread), *get_args(Belonging), *get_args(get_args(Cause)[-1])}


def told(
    body: bytes, header: str | None, *, now: float = NOW, known: Any = KNOWN, past: float = 300, more: Any = ()
) -> Any:
    """Return the diagnosis of a request."""
    headers = [(b"Content-Type", b"application/json"), *((k.encode(), v.encode()) for k, v in dict(more).items())]
    headers += [] if header is None else [(b"X-Transcribe-Signature", header.encode())]
    return examine(Captured(headers, body), known, now=now, past=past)


def signed(body: bytes = BODY, secret: bytes = SECRET, at: int = NOW) -> str:
    return signature.sign(body, secret=secret, at=at)


def with_stamp(stamp: str, signed_stamp: str | None = None) -> str:
    mac = signature.mac(SECRET, (signed_stamp or stamp).encode(), BODY).decode()
    return f"t={stamp},v1={mac}"


def test_a_delivery_that_would_be_taken_is_well() -> None:
    found = told(BODY, signed(at=NOW - 200))
    assert (found.cause, found.finding.holds) == ("well", True)
    assert found.seen == "it would be accepted; the secret of the account proves it; it was signed 200 s before it came"


@pytest.mark.parametrize("candidate", KNOWN[1:], ids=lambda one: one.cause)
def test_the_secret_that_has_signed_it_is_named_by_whose_it_is(candidate: Candidate) -> None:
    found = told(BODY, signed(secret=candidate.secret))
    assert (found.cause, found.finding.holds) == (candidate.cause, False)
    assert found.seen == f"{candidate.whose} proves it"
    assert found.todo == candidate.todo


@pytest.mark.parametrize("candidate", KNOWN[1:], ids=lambda one: one.cause)
def test_a_clock_that_is_off_too_is_told_beside_the_secret(candidate: Candidate) -> None:
    found = told(BODY, signed(secret=candidate.secret, at=NOW - 4000))
    assert (found.cause, found.seen) == (
        candidate.cause,
        f"{candidate.whose} proves it, but it was signed 4,000 s before it came, and 300 s are accepted",
    )


@pytest.mark.parametrize(
    ("cause", "came", "how"),
    [
        ("line_ends", BODY + b"\n", "without the last line end of the body"), ("bom", BOM + BODY, "byte order mark"),
        ("gzip", gzip.compress(BODY, mtime=0), "if the body is unpacked"),
        ("json", LINES, "with the JSON written in another way"),
        ("charset", BODY.decode().encode("latin-1"), "if the body is read as Latin-1"),
    ],
)  # fmt: skip
def test_a_body_that_was_changed_on_its_way_is_told_how(cause: Cause, came: bytes, how: str) -> None:
    found = told(came, signed())
    assert (found.cause, how in found.seen, "byte for byte" in found.todo) == (cause, True, True)
    found = told(came, signed(secret=b"whsec_old", at=NOW - 301))
    assert found.cause == cause
    assert "; an older secret proves it " in found.seen
    assert found.seen.endswith(", but it was signed 301 s before it came, and 300 s are accepted")


@pytest.mark.parametrize(
    "secret", [SECRET + b"\n", SECRET + b"\r\n", b" " + SECRET, b'"' + SECRET + b'"', b"'" + SECRET + b"'"]
)
def test_a_secret_with_white_space_or_quotes_is_told_on_either_side(secret: bytes) -> None:
    found = told(BODY, signed(secret=secret))
    assert (found.cause, found.todo[:26]) == ("written_secret", "set the secret at the send")
    found = told(BODY, signed(), known=[Candidate(secret, "well", "the secret of the account")])
    assert (found.cause, found.todo[:19]) == ("written_secret", "set the secret here")


@pytest.mark.parametrize(("stamp", "signed_stamp"), [
    (f"{NOW}123", None), (f"{NOW}123", str(NOW)), (str(NOW), f"{NOW}000"),
])  # fmt: skip
def test_milliseconds_are_told(stamp: str, signed_stamp: str | None) -> None:
    assert told(BODY, with_stamp(stamp, signed_stamp)).cause == "milliseconds"


def test_the_dollar_of_the_document_is_told() -> None:
    assert told(BODY, with_stamp(str(NOW), f"${NOW}")).cause == "dollar"
    mac = signature.mac(SECRET, f"${NOW}".encode(), b"$" + BODY).decode()  # as the prose says: $${t}.$${rawBody}
    assert told(BODY, f"t={NOW},v1={mac}").cause == "dollar"


@pytest.mark.parametrize(
    ("at", "said"), [(NOW - 301, "signed 301 s before it came"), (NOW + 4000, "signed 4,000 s after it came")]
)
def test_clocks_that_are_apart_are_told_by_how_much(at: int, said: str) -> None:
    found = told(BODY, signed(at=at))
    assert (found.cause, said in found.seen) == ("clock", True)


def test_an_old_signature_is_well_where_old_ones_are_taken() -> None:
    assert told(BODY, signed(at=NOW - 9000), past=float("inf")).cause == "well"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("t=1,t=2,v1=" + "0" * 64, "it has 2 times"), ("t=007,v1=" + "0" * 64, "its time is no number of seconds"),
        (signed().upper().replace("T=", "t=").replace("V1=", "v1="), "not 64 lower-case hexadecimal digits"),
        ("v1=" + "0" * 64, "it has no t= or no v1="), (f"t={NOW},v1=abc", "it has no t= or no v1="),
        (signed() + ",scheme", "something that is no name=value"),
        (signed() + ",x=" + "1" * 1100, "more than 1,024 bytes"),
    ],
)  # fmt: skip
def test_a_header_that_is_not_written_as_agreed_is_told(header: str, said: str) -> None:
    found = told(BODY, header)
    assert (found.cause, said in found.seen) == ("malformed", True), found


def test_a_header_that_is_not_there_is_told_with_others_like_it() -> None:
    found = told(BODY, None, more={"X-Hub-Signature-256": "sha256=00"})
    assert (found.cause, "there is x-hub-signature-256" in found.seen) == ("no_header", True)
    assert told(BODY, " ").cause == "no_header"


def test_two_lines_of_the_header_are_one_list_that_must_say_the_time_once() -> None:
    stamp, mac = signed().split(",")
    both = [(b"X-Transcribe-Signature", one.encode()) for one in (stamp, mac)]
    assert examine(Captured(both, BODY), KNOWN, now=NOW, past=300).cause == "well"
    found = examine(Captured([(b"X-Transcribe-Signature", signed().encode())] * 2, BODY), KNOWN, now=NOW, past=300)
    assert (
        found.cause,
        found.seen.endswith("the header is there 2 times, although the secret of the account proves it"),
    ) == ("malformed", True)


@pytest.mark.parametrize(
    ("body", "more", "todo"),
    [
        (BODY[:-5], {"Content-Length": str(len(BODY))}, f"there are {len(BODY) - 5} bytes, and Content-Length says 98"),
        (b"{}", {"Content-Length": "1"}, "there are 2 bytes, and Content-Length says 1"),
        (b"", {}, "capture the body too: there is none"),
        (b"x", {"Content-Encoding": "br"}, "it has a Content-Encoding"),
        (b"x", {"Content-Encoding": "identity"}, "`receiver register --rotate`"),
        (b"x", {}, "`receiver register --rotate`"),
    ],
)  # fmt: skip
def test_what_is_unknown_has_its_advice(body: bytes, more: dict[str, str], todo: str) -> None:
    found = told(body, signed(), more=more)
    assert (found.cause, todo in found.todo) == ("unknown", True), found


def test_what_an_editor_has_added_behind_the_body_is_no_fault_of_the_request() -> None:
    more = {"Content-Length": str(len(BODY))}
    found = told(BODY + b"\n", signed(), more=more)
    assert (found.cause, "goes on behind the 98 bytes that Content-Length counts" in found.seen) == ("well", True)
    assert told(BODY + b"\n", signed(secret=b"whsec_old"), more=more).cause == "old_secret"
    assert "goes on" not in told(BODY, signed(), more=more).seen
    # A proxy that has unpacked the body can have left the length of the packed one.
    assert "goes on" not in told(BODY, signed(), more={"Content-Length": "20"}).seen


def test_however_many_secrets_there_are_the_first_are_tried_with_each_change_and_all_with_what_came() -> None:
    many = [*KNOWN, *(Candidate(b"whsec_%d" % number, "callback", "of a job") for number in range(1000))]
    large = json.dumps(["x/\u00f6"] * 6_000, ensure_ascii=False).encode()
    found = told(large, signed(b"another", secret=b"whsec_999"), known=many)
    assert found.cause == "unknown"
    assert re.search(r"; changes were tried with [\d,]+ of 1,006 secrets$", found.seen)
    assert told(large, signed(large, secret=b"whsec_999"), known=many).cause == "callback"
    assert told(large, signed(json.dumps(["x/\u00f6"] * 6_000).encode()), known=many).cause == "json"


def test_without_a_secret_nothing_can_be_said() -> None:
    assert told(BODY, signed(), known=[]).cause == "no_secret"
    assert told(BODY, signed(), known=KNOWN[1:]).cause == "no_secret"  # of other accounts some are known
    assert told(BODY, signed(secret=b"whsec_big"), known=KNOWN[1:]).cause == "other_account"


def test_an_empty_secret_proves_nothing() -> None:
    assert told(BODY, signed(secret=b""), known=[Candidate(b"", "well", "nothing")]).cause == "unknown"


@pytest.mark.parametrize("seed", range(20))
def test_a_corruption_that_nobody_knows_is_unknown(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    at, other = chance.randrange(len(BODY)), chance.randrange(1, 256)
    broken = bytearray(BODY)
    broken[at] ^= other
    assert told(bytes(broken), signed(), more={"Content-Length": str(len(BODY))}).cause == "unknown"


def test_each_cause_is_explained() -> None:
    readme = (REPOSITORY / "README.md").read_text()
    section = readme.partition("`receiver diagnose FILE` says it of")[2].partition("The sender never hears")[0]
    assert {*re.findall(r"`(\w+)`", section)} >= CAUSES


@pytest.mark.parametrize(
    "body", [b"\x1f\x8b", gzip.compress(b"x" * 100, mtime=0)[:-9], b"[" * 100_000, b"", b"\xff\xfe"]
)
def test_whatever_the_body_is_it_is_unknown_and_no_error(body: bytes) -> None:
    assert told(body, signed()).cause == "unknown"


@given(
    st.lists(
        st.sampled_from([
            b"X-Transcribe-Signature: ", b"t=", b"1777472458", b",", b"v1=", b"0" * 64, b"\r\n", b"\n\n", b" ", b"\xff",
            b"{}", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 1\r\n", b"\x1f\x8b", b"5\r\n", b"$",
            b"9" * 20, b"-1", BOM,
        ])
    )
)  # fmt: skip
def test_whatever_was_captured_is_diagnosed_or_refused(pieces: list[bytes]) -> None:
    with suppress(ImpossibleError):
        assert examine(captured(b"".join(pieces)), KNOWN, now=NOW, past=300).cause in CAUSES
