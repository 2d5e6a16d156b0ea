r"""Prove that a delivery's sender holds the signing secret. Pure: bytes and numbers in, a proof or an error out.

    X-Transcribe-Signature: t=<unix seconds>,v1=<hex>        v1 = hex(HMAC-SHA256(secret, t "." raw body))

The grammar is strict for the elements that we use and tolerant of others. It follows the lists of RFC 9110 and the
scheme of Stripe, which the provider copies:

    header   = all field lines of this name, joined with ","; at most 1,024 bytes of printable ASCII and tab
    elements = split on ",", space and tab stripped, empty ones ignored; at most 16
    element  = [a-z][a-z0-9_]* "=" value; any other element makes the header malformed; unknown keys are ignored
    t        = exactly once, [1-9][0-9]{0,11}; the MAC covers its literal bytes
    v1       = 64 lower-case hex digits, at least once; other values are ignored

What we send to other programs is signed in this form too (`X-Receiver-Signature`), and as Standard Webhooks: `signed`.

Everything is bytes. On `str`, `hmac.compare_digest` raises for non-ASCII, `\d` matches Arabic-Indic digits, and `$`
matches before a final newline. The MAC is checked before the window. So we can distinguish *stale* (right MAC, old
`t`: a clock is wrong, or a retry kept its first timestamp) from *mismatch*. Senders cannot: both get the same answer.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from receiver.errors import SignatureError

HEADER = b"x-transcribe-signature"
TOLERANCE_SECONDS = 300
HEADER_BYTES = 1024
ELEMENTS = 16
PREFIX = "whsec_"  # what the secrets of Standard Webhooks begin with
KEY_BYTES = (24, 64)  # how long their keys are, at least and at most

_PRINTABLE = re.compile(rb"[\t\x20-\x7e]*")
_ELEMENT = re.compile(rb"([a-z][a-z0-9_]*)=(.*)", re.DOTALL)
_TIMESTAMP = re.compile(rb"[1-9][0-9]{0,11}")
_CANDIDATE = re.compile(rb"[0-9a-f]{64}")
_USUAL = re.compile(rb"t=([1-9][0-9]{0,11}),v1=([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Proof:
    """The proof of a delivery: the secret that signed it, and when (unix seconds)."""

    secret: bytes = field(repr=False)
    signed_at: int


def fingerprint(secret: bytes) -> str:
    """Return a short name that can be shown instead of a secret. It does not reveal the secret."""
    return hashlib.sha256(b"receiver fingerprint\0" + secret).hexdigest()[:12]


def key_for_questions(secret: bytes) -> bytes:
    """Return the key that signs the questions of our commands to a receiver. It cannot sign a delivery."""
    return hmac.new(secret, b"receiver question", hashlib.sha256).digest()


def sign(body: bytes, *, secret: bytes, at: int) -> str:
    """Return the provider's signature header for `body`, signed at `at` (unix seconds)."""
    stamp = str(at).encode()
    return f"t={at},v1={mac(secret, stamp, body).decode()}"


def signed(body: bytes, *, message_id: str, secrets: Sequence[str], at: int) -> dict[str, str]:
    """Return the headers that prove a body to another program: those of Standard Webhooks, and the provider's form.

    Args:
        body: what is sent, byte for byte.
        message_id: the same for each repeat, so that the other side can know one; without a dot.
        secrets: `whsec_…`, each of which verifies. The provider's form takes the whole text of a secret as its key.
        at: when it is signed (unix seconds).

    Raises:
        ValueError: a secret is none; see `standard_key`.
    """
    stamp = str(at).encode()
    content = b".".join((message_id.encode(), stamp, body))
    macs = [hmac.new(standard_key(secret), content, hashlib.sha256).digest() for secret in secrets]
    own = [f"v1={mac(secret.encode(), stamp, body).decode()}" for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in macs),
        "X-Receiver-Signature": ",".join([f"t={at}", *own]),
    }


def standard_key(secret: str) -> bytes:
    """Return the key of a secret of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes.

    Raises:
        ValueError: it is no such secret. The message does not show it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except (binascii.Error, ValueError):
        key = b""
    if not KEY_BYTES[0] <= len(key) <= KEY_BYTES[1]:
        raise ValueError(f"must be {PREFIX} and the base64 of {KEY_BYTES[0]} to {KEY_BYTES[1]} random bytes") from None
    return key


def verify(
    headers: Iterable[tuple[bytes, bytes]],
    body: bytes,
    *,
    secrets: Sequence[bytes],
    now: float,
    past: float = TOLERANCE_SECONDS,
) -> Proof:
    """Return the proof that one of `secrets` signed `body`, at most `past` seconds before `now` or 300 s after it.

    Args:
        headers: raw (name, value) pairs; names in any case.
        body: the raw body, byte for byte as it arrived.
        secrets: every active secret; empty ones never match.
        now: unix seconds.
        past: how old a signature can be, in seconds.

    Raises:
        SignatureError: with reason `missing`, `malformed`, `mismatch` or `stale`. No other error is raised.
    """
    stamp, candidates = _parse([value for name, value in headers if name.lower() == HEADER])
    matched = first = None
    for secret in secrets:
        made = mac(secret, stamp, body)
        first = first or made
        for candidate in candidates:
            # No early exit: the time this takes must not show which secret or candidate matched.
            if hmac.compare_digest(made, candidate) and secret:
                matched = secret
    if matched is None:
        raise SignatureError("mismatch")
    if not -TOLERANCE_SECONDS <= now - int(stamp) <= past:
        raise SignatureError("stale", seconds_off=now - int(stamp), mac=first or b"")
    return Proof(secret=matched, signed_at=int(stamp))


def mac(secret: bytes, stamp: bytes, body: bytes) -> bytes:
    """Return the MAC of a body with the literal bytes of a time, as lower-case hexadecimal digits."""
    return hmac.new(secret, stamp + b"." + body, hashlib.sha256).hexdigest().encode()


def _parse(lines: list[bytes]) -> tuple[bytes, list[bytes]]:
    """Return the literal bytes of `t`, and the v1 candidates."""
    header = b",".join(lines)
    usual = _USUAL.fullmatch(header)
    if usual is not None:  # the grammar says the same of it, but takes 3 µs more
        return usual[1], [usual[2]]
    if not header.strip(b" \t,"):
        raise SignatureError("missing")
    if len(header) > HEADER_BYTES or not _PRINTABLE.fullmatch(header):
        raise SignatureError("malformed")
    elements = [element for element in (part.strip(b" \t") for part in header.split(b",")) if element]
    pairs = [_ELEMENT.fullmatch(element) for element in elements]
    stamps = [pair[2] for pair in pairs if pair and pair[1] == b"t"]
    candidates = [pair[2] for pair in pairs if pair and pair[1] == b"v1" and _CANDIDATE.fullmatch(pair[2])]
    well_formed = len(elements) <= ELEMENTS and all(pairs) and len(stamps) == 1 and candidates
    if not well_formed or not _TIMESTAMP.fullmatch(stamps[0]):
        raise SignatureError("malformed")
    return stamps[0], candidates
