"""`receiver.signature`: which deliveries are proven, and which never are."""

import base64
import contextlib
import hashlib
import hmac
import math
import time
from collections.abc import Sequence

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from stripe import SignatureVerificationError, WebhookSignature

from receiver import signature
from receiver.errors import SignatureError
from receiver.signature import HEADER, sign, verify

SECRET, BODY, NOW = b"whsec_current", b'{"id":"evt_1"}', 1_777_472_458
T = str(NOW).encode()
REASONS = {"missing", "malformed", "mismatch", "stale"}


def mac(secret: bytes, stamp: bytes, body: bytes, algorithm: str = "sha256") -> bytes:
    """Return what the provider documents, computed here a second time to judge by."""
    return hmac.new(secret, stamp + b"." + body, algorithm).hexdigest().encode()


V1 = mac(SECRET, T, BODY)
GOOD = b"t=%s,v1=%s" % (T, V1)
OTHER = mac(b"another", T, BODY)


def reason_of(
    *lines: bytes, body: bytes = BODY, secrets: Sequence[bytes] = (SECRET,), now: float = NOW, name: bytes = HEADER
) -> str:
    """Return why a delivery with these header lines is refused, or `proven`."""
    try:
        verify([(name, line) for line in lines], body, secrets=secrets, now=now)
    except SignatureError as refused:
        return refused.reason
    return "proven"


def padded(length: int) -> bytes:
    """Return a header of exactly `length` bytes that is right but for its length."""
    return GOOD + b",pad=" + b"x" * (length - len(GOOD) - len(b",pad="))


def with_elements(count: int) -> bytes:
    """Return a header of `count` elements, the two that matter last."""
    return b"k=," * (count - 2) + GOOD


def test_a_delivery_signed_now_is_proven_with_its_secret_and_time() -> None:
    header = sign(BODY, secret=SECRET, at=NOW).encode()
    proof = verify([(HEADER, header)], BODY, secrets=[b"other", SECRET], now=NOW)
    assert (proof.secret, proof.signed_at) == (SECRET, NOW)


def test_what_we_sign_with_is_what_the_provider_documents() -> None:
    assert sign(BODY, secret=SECRET, at=NOW).encode() == GOOD


@pytest.mark.parametrize(("offset", "stale"), [(300, False), (-300, False), (301, True), (-301, True)])
def test_the_window_is_300_seconds_on_both_sides(offset: int, stale: bool) -> None:  # noqa: FBT001 - a case
    headers = [(HEADER, sign(BODY, secret=SECRET, at=NOW + offset).encode())]
    if not stale:
        assert verify(headers, BODY, secrets=[SECRET], now=NOW).signed_at == NOW + offset
        return
    with pytest.raises(SignatureError) as refused:
        verify(headers, BODY, secrets=[SECRET], now=NOW)
    assert refused.value.reason == "stale"


@pytest.mark.parametrize(("offset", "stale"), [(-(10**9), False), (-301, False), (300, False), (301, True)])
def test_the_past_may_be_open_and_the_future_never_is(offset: int, stale: bool) -> None:  # noqa: FBT001 - a case
    header = (HEADER, sign(BODY, secret=SECRET, at=NOW + offset).encode())
    if not stale:
        assert verify([header], BODY, secrets=[SECRET], now=NOW, past=math.inf).signed_at == NOW + offset
        return
    with pytest.raises(SignatureError) as refused:
        verify([header], BODY, secrets=[SECRET], now=NOW, past=math.inf)
    assert refused.value.reason == "stale"


@pytest.mark.parametrize(("now", "reason"), [(NOW + 300.0, "proven"), (NOW + 300.01, "stale"), (NOW - 300.01, "stale")])
def test_the_window_counts_fractions_of_a_second(now: float, reason: str) -> None:
    assert reason_of(GOOD, now=now) == reason


GRAMMAR = [
    # what joins and separates
    ("proven", "the documented form", [GOOD]),
    ("proven", "the other order", [b"v1=%s,t=%s" % (V1, T)]),
    ("proven", "two lines are one list", [b"t=" + T, b"v1=" + V1]),
    ("proven", "two lines, one of them empty", [b"", GOOD]),
    ("proven", "space and tab around elements", [b" \tt=%s\t , \tv1=%s \t" % (T, V1)]),
    ("proven", "empty elements", [b",, ,t=%s,\t,v1=%s,," % (T, V1)]),
    ("malformed", "a space before the equals sign", [b"t =%s,v1=%s" % (T, V1)]),
    ("malformed", "a space after the equals sign of t", [b"t= %s,v1=%s" % (T, V1)]),
    ("malformed", "a space after the equals sign of v1", [b"t=%s,v1= %s" % (T, V1)]),
    ("malformed", "a space inside t", [b"t=%s %s,v1=%s" % (T[:5], T[5:], V1)]),
    ("malformed", "semicolons", [b"t=%s;v1=%s" % (T, V1)]),
    # what is missing
    ("missing", "no line", []),
    ("missing", "an empty line", [b""]),
    ("missing", "only blanks and commas", [b" \t,, ,", b"\t"]),
    ("missing", "blanks and commas over the length", [b", \t" * 1000]),
    # length and bytes
    ("proven", "1,024 bytes", [padded(1024)]),
    ("malformed", "1,025 bytes", [padded(1025)]),
    ("proven", "1,024 bytes over two lines, with the comma that joins them", [padded(1021), b"k="]),
    ("malformed", "1,025 bytes over two lines, with the comma that joins them", [padded(1022), b"k="]),
    ("malformed", "1,025 bytes of which a blank is one", [padded(1024) + b" "]),
    ("malformed", "NUL in an unknown value", [GOOD + b",k=\x00"]),
    ("malformed", "a control byte before an element", [b"t=%s,\x01v1=%s" % (T, V1)]),
    ("malformed", "a line end at the end", [GOOD + b"\n"]),
    ("malformed", "a line end inside", [b"t=%s\r\n,v1=%s" % (T, V1)]),
    ("malformed", "vertical tab", [GOOD + b"\x0b"]),
    ("malformed", "delete", [GOOD + b",k=\x7f"]),
    ("malformed", "a byte beyond ASCII in an unknown value", [GOOD + b",k=\xc3\xa9"]),
    ("malformed", "next line, a blank to str.strip", [GOOD + b"\x85"]),
    ("malformed", "no-break space, a blank to str.strip", [b"\xa0" + GOOD]),
    ("malformed", "nothing but a byte that is not printable", [b"\x00"]),
    ("proven", "every printable byte but the comma, in an unknown value",
     [GOOD + b",k=" + bytes(byte for byte in (9, *range(0x20, 0x7F)) if byte != ord(","))]),
    # how many elements
    ("proven", "16 elements", [with_elements(16)]),
    ("malformed", "17 elements", [with_elements(17)]),
    ("malformed", "17 elements over 17 lines", [b"k="] * 15 + [b"t=" + T, b"v1=" + V1]),
    ("proven", "16 elements and empty ones", [b",, ," + with_elements(16) + b",,"]),
    # elements
    ("proven", "an unknown scheme before", [b"t=%s,v0=deadbeef,v1=%s" % (T, V1)]),
    ("proven", "an unknown key whose value holds an equals sign", [GOOD + b",v1a=AAEC=="]),
    ("proven", "an unknown key twice", [GOOD + b",kid=1,kid=2"]),
    ("proven", "an unknown key with digits and underscore", [GOOD + b",a_9_=x"]),
    ("malformed", "an element without an equals sign", [GOOD + b",garbage"]),
    ("malformed", "an element without a key", [GOOD + b",=x"]),
    ("malformed", "a key that begins with a digit", [GOOD + b",1v=x"]),
    ("malformed", "a key that begins with an underscore", [GOOD + b",_v=x"]),
    ("malformed", "an upper-case key", [GOOD + b",Kid=x"]),
    ("malformed", "a key with a hyphen", [GOOD + b",k-id=x"]),
    ("malformed", "upper-case T", [b"T=%s,v1=%s" % (T, V1)]),
    ("malformed", "upper-case V1", [b"t=%s,V1=%s" % (T, V1)]),
    ("malformed", "a key that only ends in t", [b"xt=%s,v1=%s" % (T, V1)]),
    ("malformed", "a prefix", [b"Bearer " + GOOD]),
    ("malformed", "JSON", [b'{"t":"%s","v1":"%s"}' % (T, V1)]),
    ("malformed", "colons", [b"t:%s,v1:%s" % (T, V1)]),
    # t
    ("malformed", "no t", [b"v1=" + V1]),
    ("malformed", "the same t twice", [b"t=%s,t=%s,v1=%s" % (T, T, V1)]),
    ("malformed", "an old t first", [b"t=1,t=%s,v1=%s" % (T, V1)]),
    ("malformed", "a t that is none beside one that is", [b"t=,t=%s,v1=%s" % (T, V1)]),
    ("malformed", "the whole header on two lines", [GOOD, GOOD]),
    ("malformed", "the whole header twice in one line", [GOOD + b", " + GOOD]),
    ("malformed", "an empty t", [b"t=,v1=" + V1]),
    ("malformed", "quotes", [b't="%s",v1="%s"' % (T, V1)]),
    *[("malformed", f"t={stamp!r}", [b"t=%s,v1=%s" % (stamp, mac(SECRET, stamp, BODY))]) for stamp in (
        b"0", b"0" + T, b"-" + T, b"+" + T, T + b".0", T + b"e0", b"0x6a000000", b"1_777_472_458", b"nan", b"inf",
        b"1" * 13, b"9" * 900, b"\xd9\xa1" * 10, b"\xb9\xb2\xb3", T + b"'--",
    )],
    # v1
    ("malformed", "no v1", [b"t=" + T]),
    ("malformed", "an empty v1", [b"t=%s,v1=" % T]),
    ("malformed", "the right MAC under v0 only", [b"t=%s,v0=%s" % (T, V1)]),
    ("malformed", "upper-case hex", [b"t=%s,v1=%s" % (T, V1.upper())]),
    ("malformed", "63 digits", [b"t=%s,v1=%s" % (T, V1[:63])]),
    ("malformed", "65 digits", [b"t=%s,v1=%s0" % (T, V1)]),
    ("malformed", "128 digits", [b"t=%s,v1=%s%s" % (T, V1, V1)]),
    ("malformed", "a digit that is none", [b"t=%s,v1=%sg" % (T, V1[:63])]),
    ("malformed", "an equals sign more", [b"t=%s,v1==%s" % (T, V1)]),
    ("malformed", "the SHA-512 of it", [b"t=%s,v1=%s" % (T, mac(SECRET, T, BODY, "sha512"))]),
    ("mismatch", "the SHA-512 of it, cut", [b"t=%s,v1=%s" % (T, mac(SECRET, T, BODY, "sha512")[:64])]),
    ("malformed", "the MD5 of it", [b"t=%s,v1=%s" % (T, mac(SECRET, T, BODY, "md5"))]),
    ("proven", "no candidates beside one", [b"t=%s,v1=,v1=short,v1=%s,v1=%s" % (T, V1.upper(), V1)]),
    ("proven", "another secret's MAC before it", [b"t=%s,v1=%s,v1=%s" % (T, OTHER, V1)]),
    ("proven", "another secret's MAC after it", [b"t=%s,v1=%s,v1=%s" % (T, V1, OTHER)]),
    ("proven", "the same MAC twice", [GOOD + b",v1=" + V1]),
    # MAC and window
    ("mismatch", "another secret's MAC", [b"t=%s,v1=%s" % (T, OTHER)]),
    ("mismatch", "zeros", [b"t=%s,v1=%s" % (T, b"0" * 64)]),
    ("mismatch", "the first digit changed", [b"t=%s,v1=%s%s" % (T, b"0" if V1[:1] != b"0" else b"1", V1[1:])]),
    ("mismatch", "the last digit changed", [b"t=%s,v1=%s%s" % (T, V1[:-1], b"0" if V1[-1:] != b"0" else b"1")]),
    ("mismatch", "t changed by a second", [b"t=%d,v1=%s" % (NOW + 1, V1)]),
    ("mismatch", "the MAC of the body alone",
     [b"t=%s,v1=%s" % (T, hmac.new(SECRET, BODY, "sha256").hexdigest().encode())]),
    ("mismatch", "a hash that is no HMAC",
     [b"t=%s,v1=%s" % (T, hashlib.sha256(SECRET + T + b"." + BODY).hexdigest().encode())]),
    ("stale", "right and old", [b"t=1,v1=" + mac(SECRET, b"1", BODY)]),
    ("stale", "right and of the far future: 12 digits are a time",
     [b"t=%s,v1=%s" % (b"9" * 12, mac(SECRET, b"9" * 12, BODY))]),
    ("mismatch", "wrong and old: the MAC is looked at first", [b"t=1,v1=" + V1]),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "lines"), [pytest.param(r, lines, id=f"{r}-{what}") for r, what, lines in GRAMMAR])
def test_a_header_is_read_by_the_grammar(reason: str, lines: list[bytes]) -> None:
    assert reason_of(*lines) == reason


@pytest.mark.parametrize("name", [b"x-transcribe-signature", b"X-Transcribe-Signature", b"X-TRANSCRIBE-SIGNATURE"])
def test_the_header_is_found_in_any_case(name: bytes) -> None:
    assert reason_of(GOOD, name=name) == "proven"


@pytest.mark.parametrize("name", [b"transcribe-signature", b"x-transcribe-signature-2", b"x_transcribe_signature", b""])
def test_other_headers_are_not_looked_at(name: bytes) -> None:
    assert reason_of(GOOD, name=name) == "missing"
    assert verify([(name, b"\x00"), (HEADER, GOOD)], BODY, secrets=[SECRET], now=NOW).secret == SECRET


@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b"", BODY.replace(b"1", b"2"), b"\xff" + BODY])
def test_another_body_is_a_mismatch(body: bytes) -> None:
    assert reason_of(GOOD, body=body) == "mismatch"


@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xfe", "ü".encode(), b"x" * 300_000, b"12.34"])
def test_any_bytes_can_be_signed(body: bytes) -> None:
    assert reason_of(b"t=%s,v1=%s" % (T, mac(SECRET, T, body)), body=body) == "proven"


def test_the_dot_cannot_be_moved_between_time_and_body() -> None:
    moved = mac(SECRET, T, b"12." + BODY)
    assert reason_of(b"t=%s,v1=%s" % (T, moved), body=b"12." + BODY) == "proven"
    assert reason_of(b"t=%s.12,v1=%s" % (T, moved)) == "malformed"


@pytest.mark.parametrize(("secrets", "reason"), [
    ([], "mismatch"),
    ([b""], "mismatch"),
    ([b"whsec_retired"], "mismatch"),
    ([SECRET.upper()], "mismatch"),
    ([SECRET + b"\n"], "mismatch"),
    ([SECRET.removeprefix(b"whsec_")], "mismatch"),
    ([b"", SECRET], "proven"),
    ([SECRET, b""], "proven"),
    ([SECRET, b"whsec_old"], "proven"),
    ([b"whsec_old", SECRET], "proven"),
    ([SECRET, SECRET], "proven"),
    ([b"\xff\x00", SECRET], "proven"),
])  # fmt: skip
def test_every_active_secret_is_tried_and_no_other(secrets: list[bytes], reason: str) -> None:
    assert reason_of(GOOD, secrets=secrets) == reason


@pytest.mark.parametrize("secrets", [[b""], [b"", b"another"], [b"another", b""], [b"", b""]])
def test_an_empty_secret_never_matches(secrets: list[bytes]) -> None:
    """Anyone can compute the MAC of an empty secret. It must not match beside other secrets either."""
    assert reason_of(b"t=%s,v1=%s" % (T, mac(b"", T, BODY)), secrets=secrets) == "mismatch"


@pytest.mark.parametrize("secret", [b"whsec_old", b"whsec_new"])
def test_the_proof_names_the_secret_that_matched(secret: bytes) -> None:
    headers = [(HEADER, b"t=%s,v1=%s,v1=%s" % (T, OTHER, mac(secret, T, BODY)))]
    assert verify(headers, BODY, secrets=[b"whsec_old", b"", b"whsec_new"], now=NOW).secret == secret


def test_the_sender_is_told_the_same_of_every_refusal() -> None:
    """The class decides the answer. The reason is for us only."""
    told = {(e.status, e.code, e.message) for e in map(SignatureError, REASONS)}
    assert told == {(401, "invalid_signature", SignatureError.message)}
    assert not any(reason in SignatureError.message for reason in REASONS)


def test_a_fingerprint_shows_nothing_of_its_secret() -> None:
    shown = signature.fingerprint(SECRET)
    assert len(shown) == 12
    assert shown.encode() not in SECRET
    assert shown not in hashlib.sha256(SECRET).hexdigest()


def test_a_fingerprint_tells_secrets_apart_and_stays() -> None:
    assert signature.fingerprint(SECRET) == signature.fingerprint(bytes(SECRET))
    assert signature.fingerprint(SECRET) != signature.fingerprint(SECRET + b"\n")


# --- whatever arrives ------------------------------------------------------------------------------------------------

SECRETS = (SECRET, b"whsec_previous", b"")

bodies = st.one_of(st.just(BODY), st.binary(max_size=40))
near = st.integers(NOW - 400, NOW + 400).map(lambda t: str(t).encode())
far = st.sampled_from([b"", b"0", b"-1", b"01", b"1" * 13, b"9" * 12, b"1.5", b"\xd9\xa1", b"nan", b"1 2"])
blanks = st.sampled_from([b"", b"", b"", b" ", b"\t", b" \t "])
spoilt = st.sampled_from([
    b"t", b"=", b"v1", b"v1=", b"V1=x", b"k=\x00", b"k=\x7f", b"k=\xe9", b"t=1", b"v1=" + b"0" * 64, b"v1=" + b"A" * 64,
    b"pad=" + b"x" * 1000, b"a=" + b"," * 20, b"k=1,", b"v0=1", b"v2=x=y", b"k=1,k=2,k=3,k=4,k=5,k=6,k=7,k=8", b"",
])  # fmt: skip


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Return header lines that are right but for at most one change, and the body."""
    body, stamp, secret = draw(bodies), draw(near), draw(st.sampled_from(SECRETS))
    right, strange = mac(secret, stamp, body), draw(far)
    elements = [b"t=" + stamp, b"v1=" + right]
    changes = {
        "strange stamp": [b"t=" + strange, elements[1]],
        "signed strange stamp": [b"t=" + strange, b"v1=" + mac(secret, strange, body)],
        "other stamp": [b"t=" + draw(near), elements[1]],
        "other body": [elements[0], b"v1=" + mac(secret, stamp, draw(bodies))],
        "other secret": [elements[0], b"v1=" + mac(b"whsec_strange", stamp, body)],
        "upper": [elements[0], b"v1=" + right.upper()],
        "short": [elements[0], b"v1=" + right[:-1]],
        "long": [elements[0], b"v1=" + right + b"0"],
        "twice": elements * 2,
        "no stamp": elements[1:],
        "no value": elements[:1],
        "another value": [*elements, b"v1=" + mac(draw(st.sampled_from(SECRETS)), stamp, body)],
        "more": [*elements, draw(spoilt)],
        "more and more": [*elements, draw(spoilt), draw(spoilt)],
    }
    changed = changes.get(draw(st.sampled_from(["none", "none", "none", *changes])), elements)
    spaced = [draw(blanks) + element + draw(blanks) for element in draw(st.permutations(changed))]
    cut = draw(st.integers(0, len(spaced)))
    lines = [b",".join(spaced[:cut]), b",".join(spaced[cut:])]
    return draw(st.sampled_from([[b",".join(lines)], lines])), body


def judge(lines: list[bytes], body: bytes, secrets: Sequence[bytes], now: float) -> str:
    """Verify, and hold what comes out against the MAC alone; any error but SignatureError comes through."""
    reason = reason_of(*lines, body=body, secrets=secrets, now=now)
    if reason != "proven":
        assert reason in REASONS
        return reason
    proof = verify([(HEADER, line) for line in lines], body, secrets=secrets, now=now)
    stamp, joined = str(proof.signed_at).encode(), b",".join(lines)
    assert proof.secret
    assert proof.secret in secrets
    assert b"t=" + stamp in joined
    assert b"v1=" + mac(proof.secret, stamp, body) in joined
    assert abs(now - proof.signed_at) <= 300
    return reason


@given(st.lists(st.binary(max_size=120), max_size=4), st.binary(max_size=40), st.lists(st.binary(max_size=8)))
@example([GOOD], BODY, [SECRET])
@example([b"t=" + b"9" * 1000], b"", [b""])
def test_no_bytes_make_it_raise_anything_but_its_error(lines: list[bytes], body: bytes, secrets: list[bytes]) -> None:
    judge(lines, body, secrets, NOW)


@given(st.lists(st.tuples(st.binary(max_size=30), st.binary(max_size=30)), max_size=4), st.floats(allow_nan=False))
def test_no_header_name_and_no_clock_make_it_raise_anything_but_its_error(
    headers: list[tuple[bytes, bytes]], now: float
) -> None:
    with contextlib.suppress(SignatureError):
        verify([*headers, (HEADER, GOOD)], BODY, secrets=[SECRET], now=now)


@given(deliveries(), st.permutations(SECRETS), st.integers(NOW - 400, NOW + 400))
@example(([GOOD], BODY), list(SECRETS), NOW)
@example(([b"t=%s,v1=%s" % (T, mac(b"", T, BODY))], BODY), list(SECRETS), NOW)
def test_nothing_is_accepted_without_a_true_mac(
    delivery: tuple[list[bytes], bytes], secrets: list[bytes], now: int
) -> None:
    judge(*delivery, secrets, now)


@given(
    body=st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    secret=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x2FF), min_size=1, max_size=20),
    offset=st.one_of(st.integers(-240, 290), st.integers(-100_000, -310)),  # stripe looks at the clock a moment later
    forged=st.lists(st.text("0123456789abcdef", min_size=64, max_size=64), max_size=3),
    unknown=st.lists(st.sampled_from(["v0=1", "v2=abc", "kid=2026"]), max_size=3),
    tampered=st.sampled_from(["", "", "", " ", "x"]),
    signed=st.booleans(),
)
def test_it_agrees_with_stripe_on_canonical_headers(
    *, body: str, secret: str, offset: int, forged: list[str], unknown: list[str], tampered: str, signed: bool
) -> None:
    """Stripe's scheme is the one that the provider copied. It checks the window's past side only, by its own clock."""
    now = time.time()
    at = int(now) + offset
    true = [mac(secret.encode(), str(at).encode(), body.encode()).decode()] if signed else []
    values = forged + true
    assume(values)
    header = ",".join([f"t={at}", *unknown, *(f"v1={value}" for value in values)])
    sent = body + tampered
    try:
        theirs = WebhookSignature.verify_header(sent, header, secret, tolerance=300)
    except SignatureVerificationError:
        theirs = False
    ours = reason_of(header.encode(), body=sent.encode(), secrets=[secret.encode()], now=now)
    assert (ours == "proven") == theirs
    assert theirs == (signed and not tampered and abs(offset) <= 300)


# --- what we sign for other programs ---------------------------------------------------------------------------------

KEYS = [bytes(range(24)), bytes(range(1, 65))]
STANDARD = [f"whsec_{base64.b64encode(key).decode()}" for key in KEYS]


@given(body=st.binary(max_size=200), at=st.integers(1, 4_000_000_000))
def test_what_we_sign_is_proven_in_both_forms_by_each_secret(body: bytes, at: int) -> None:
    headers = signature.signed(body, message_id="rcv-1", secrets=STANDARD, at=at)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == ("rcv-1", str(at))
    macs = [hmac.new(key, b"rcv-1.%d.%s" % (at, body), "sha256").digest() for key in KEYS]
    assert headers["webhook-signature"] == " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)
    for secret in STANDARD:
        lines = [(HEADER, headers["X-Receiver-Signature"].encode())]
        assert verify(lines, body, secrets=[secret.encode()], now=at).signed_at == at


def test_ten_secrets_make_a_header_that_our_own_grammar_takes() -> None:
    many = [f"whsec_{base64.b64encode(bytes([number]) * 24).decode()}" for number in range(10)]
    header = signature.signed(BODY, message_id="rcv-1", secrets=many, at=NOW)["X-Receiver-Signature"]
    assert verify([(HEADER, header.encode())], BODY, secrets=[many[-1].encode()], now=NOW).secret == many[-1].encode()


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", STANDARD[0][6:], "whsec_!", f"{STANDARD[0]}!", f"whsec_{base64.b64encode(bytes(23)).decode()}",
     f"whsec_{base64.b64encode(bytes(65)).decode()}", "whsec_\u00e9" + "A" * 40],
)  # fmt: skip
def test_a_secret_that_is_none_of_standard_webhooks_signs_nothing(secret: str) -> None:
    with pytest.raises(ValueError, match=r"^must be whsec_ and the base64 of 24 to 64 random bytes$"):
        signature.signed(BODY, message_id="rcv-1", secrets=[secret], at=NOW)
