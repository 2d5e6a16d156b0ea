"""A corpus of deliveries, good and hostile: what `signature` and `events` together make of each.

A delivery is `stored`, `quarantined`, or refused as `missing`, `malformed`, `mismatch` or `stale`. It is written with
placeholders: `{t}` and `{sig}` are the time and the right MAC for it. No input may come to anything else.
"""

import base64
import gzip
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

import pytest

from receiver import signature
from receiver.errors import SignatureError
from receiver.events import Event
from receiver.providers.transcribe_so import payload

CURRENT, PREVIOUS, RETIRED = b"whsec_current_9c1d", b"whsec_previous_4e2f", b"whsec_retired_77aa"
NOW = 1_777_472_458.75
T = str(int(NOW))
GOOD = "t={t},v1={sig}"


def completed(**changes: Any) -> bytes:
    fields = {"id": 4821, "status": "completed", "title": "podcast.mp3", "duration_seconds": 60} | changes
    return json.dumps({
        "id": "evt_1", "event": "transcription.completed", "created": 1777472458, "data": {"transcription": fields},
    }).encode()  # fmt: skip


BODY = completed()


def member(json_text: str) -> bytes:
    """Return a right event with one member more, written as it stands."""
    return BODY[:-1] + b',"x":' + json_text.encode() + b"}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery; what was signed is what arrives, unless it says otherwise."""

    expect: str
    header: str | tuple[str, ...] = GOOD
    body: bytes = BODY
    signed_body: bytes | None = None
    t: str = T
    key: bytes = CURRENT
    joined_by: bytes = b"."
    algorithm: str = "sha256"
    name: bytes = b"X-Transcribe-Signature"

    def lines(self) -> list[tuple[bytes, bytes]]:
        """Return the raw header lines."""
        signed = self.body if self.signed_body is None else self.signed_body
        message = self.t.encode() + self.joined_by + signed
        digest = hmac.new(self.key, message, self.algorithm).digest()
        places = {
            "t": self.t,
            "sig": digest.hex(),
            "SIG": digest.hex().upper(),
            "half": digest.hex()[:32],
            "base64": base64.b64encode(digest).decode(),
            "flipped": digest.hex()[:-1] + "0123456789abcdef"[int(digest.hex()[-1], 16) ^ 1],
            "plain": hashlib.sha256(self.key + message).hexdigest(),
        }
        headers = (self.header,) if isinstance(self.header, str) else self.header
        return [(b"Host", b"x"), *((self.name, line.format(**places).encode("latin-1")) for line in headers)]


CORPUS = {
    # --- good
    "as documented": Delivery("stored"),
    "pretty-printed": Delivery("stored", body=json.dumps(json.loads(BODY), indent=2).encode()),
    "under the secret before the rotation": Delivery("stored", key=PREVIOUS),
    "a stranger's value beside the right one": Delivery("stored", "t={t},v1=" + "0" * 64 + ",v1={sig}"),
    "the other order": Delivery("stored", "v1={sig},t={t}"),
    "blanks after commas": Delivery("stored", "t={t}, v1={sig}"),
    "empty elements": Delivery("stored", ",t={t},,v1={sig},"),
    "time and value on two lines": Delivery("stored", ("t={t}", "v1={sig}")),
    "schemes that we do not know": Delivery("stored", "t={t},v0=abc,v1={sig},v1a=AA==,v2=x"),
    "five minutes old": Delivery("stored", t=str(int(NOW) - 299)),
    "five minutes ahead": Delivery("stored", t=str(int(NOW) + 300)),
    "a title in Japanese": Delivery("stored", body=completed(title="会議の録音")),
    "a title of emoji, not escaped": Delivery("stored", body=BODY.replace(b"podcast", "😀".encode())),
    "a title of markup": Delivery("stored", body=completed(title="</title><script>alert(1)</script>")),
    "a title that turns right to left": Delivery("stored", body=completed(title="\u202egpj.exe")),
    "a title that is a path": Delivery("stored", body=completed(title="../../../etc/passwd")),
    "a title that is a formula": Delivery("stored", body=completed(title="=1+1")),
    "no title": Delivery("stored", body=completed(title=None)),
    "a title that is a number": Delivery("stored", body=completed(title=7)),
    "unknown members": Delivery("stored", body=member('{"y":[1,{"z":null}]}')),
    "a failure": Delivery("stored", body=b'{"id":"evt_2","event":"transcription.failed"}'),
    "a test": Delivery("stored", body=b'{"id":"evt_3","event":"webhook.test","data":{}}'),
    "a type of tomorrow": Delivery("stored", body=b'{"id":"evt_4","event":"transcription.archived"}'),
    "a float beyond floats": Delivery("stored", body=member("1e999")),
    "created in words": Delivery("stored", body=BODY.replace(b"1777472458", b'"today"')),
    "the greatest id": Delivery("stored", body=completed(id=2**63 - 1)),
    # --- authentic, but no event
    "no body": Delivery("quarantined", body=b""),
    "a page": Delivery("quarantined", body=b"<!doctype html>"),
    "a form": Delivery("quarantined", body=b"id=evt_1"),
    "latin-1": Delivery("quarantined", body=BODY.replace(b"podcast", b"\xe9")),
    "UTF-16": Delivery("quarantined", body=BODY.decode().encode("utf-16")),
    "compressed": Delivery("quarantined", body=gzip.compress(BODY, mtime=0)),
    "a byte order mark": Delivery("quarantined", body=b"\xef\xbb\xbf" + BODY),
    "an event in an array": Delivery("quarantined", body=b"[" + BODY + b"]"),
    "two events": Delivery("quarantined", body=BODY + b"\n" + BODY),
    "cut": Delivery("quarantined", body=BODY[:-2]),
    "two ids": Delivery("quarantined", body=BODY[:-1] + b',"id":"evt_2"}'),
    "two ids, one escaped": Delivery("quarantined", body=BODY[:-1] + b',"\\u0069\\u0064":"evt_2"}'),
    "NaN": Delivery("quarantined", body=member("NaN")),
    "minus infinity": Delivery("quarantined", body=member("-Infinity")),
    "NUL": Delivery("quarantined", body=completed(title="a\0b")),
    "NUL in a key": Delivery("quarantined", body=member('{"\\u0000":1}')),
    "half a pair": Delivery("quarantined", body=completed(title="\ud83d")),
    "very deep": Delivery("quarantined", body=b'{"a":' * 50_000),
    "an integer of 4,301 digits": Delivery("quarantined", body=member("9" * 4301)),
    "no id": Delivery("quarantined", body=b'{"event":"webhook.test"}'),
    "an id of blanks": Delivery("quarantined", body=BODY.replace(b"evt_1", b"   ")),
    "an id of 10,000": Delivery("quarantined", body=BODY.replace(b"evt_1", b"e" * 10_000)),
    "an id that is an operator": Delivery("quarantined", body=BODY.replace(b'"evt_1"', b'{"$gt":""}')),
    "a type in upper case": Delivery("quarantined", body=BODY.replace(b"transcription.c", b"Transcription.C")),
    "a transcription id as text": Delivery("quarantined", body=completed(id="4821")),
    "a transcription id that is a path": Delivery("quarantined", body=completed(id="1/../../me")),
    "a transcription id of 64 bits": Delivery("quarantined", body=completed(id=2**63)),
    "a transcription id that is true": Delivery("quarantined", body=completed(id=True)),
    "completed without a transcription": Delivery("quarantined", body=b'{"id":"e","event":"transcription.completed"}'),
    # --- nothing to verify
    "no header": Delivery("missing", ()),
    "a blank header": Delivery("missing", " \t "),
    "commas": Delivery("missing", (",", ",,")),
    "under another name": Delivery("missing", name=b"X-Signature"),
    "under stripe's name": Delivery("missing", name=b"Stripe-Signature"),
    # --- against the grammar
    "a time alone": Delivery("malformed", "t={t}"),
    "a value alone": Delivery("malformed", "v1={sig}"),
    "only an old scheme": Delivery("malformed", "t={t},v0={sig}"),
    "upper-case hex": Delivery("malformed", "t={t},v1={SIG}"),
    "half a value": Delivery("malformed", "t={t},v1={half}"),
    "a doubled value": Delivery("malformed", "t={t},v1={sig}{sig}"),
    "base64": Delivery("malformed", "t={t},v1={base64}"),
    "SHA-512": Delivery("malformed", algorithm="sha512"),
    "SHA-1": Delivery("malformed", algorithm="sha1"),
    "the form of others": Delivery("malformed", "sha256={sig}"),
    "a bearer": Delivery("malformed", "Bearer t={t},v1={sig}"),
    "quotes": Delivery("malformed", 't="{t}",v1="{sig}"'),
    "semicolons": Delivery("malformed", "t={t};v1={sig}"),
    "two times": Delivery("malformed", "t={t},t={t},v1={sig}"),
    "an old time before the right one": Delivery("malformed", "t=1,t={t},v1={sig}"),
    "the header twice": Delivery("malformed", (GOOD, GOOD)),
    "seventeen values": Delivery("malformed", "t={t}" + ",v1=0" * 15 + ",v1={sig}"),
    "padded": Delivery("malformed", GOOD + ",pad=" + "x" * 1000),
    "a control byte": Delivery("malformed", GOOD + ",k=\x01"),
    "NUL at the end": Delivery("malformed", GOOD + "\x00"),
    "beyond ASCII": Delivery("malformed", GOOD + ",k=\xe9"),
    "milliseconds": Delivery("malformed", t=T + "000"),
    "a negative time": Delivery("malformed", t="-" + T),
    "a time with a fraction": Delivery("malformed", t=T + ".5"),
    "a time with a leading zero": Delivery("malformed", t="0" + T),
    "a time that is not a number": Delivery("malformed", "t=nan,v1={sig}"),
    "a time of 900 digits": Delivery("malformed", t="9" * 900),
    "words for the log": Delivery("malformed", "t={t},v1=%s%n${{jndi:ldap://x}}"),
    # --- not signed by a secret that is active
    "a stranger's secret": Delivery("mismatch", key=b"guess"),
    "a retired secret": Delivery("mismatch", key=RETIRED),
    "no secret": Delivery("mismatch", key=b""),
    "the secret without its prefix": Delivery("mismatch", key=CURRENT.removeprefix(b"whsec_")),
    "the secret and a line end": Delivery("mismatch", key=CURRENT + b"\n"),
    "zeros": Delivery("mismatch", "t={t},v1=" + "0" * 64),
    "one bit changed": Delivery("mismatch", "t={t},v1={flipped}"),
    "no HMAC": Delivery("mismatch", "t={t},v1={plain}"),
    "another time than the signed": Delivery("mismatch", f"t={int(NOW) + 1},v1={{sig}}"),
    "an old time and a value of now": Delivery("mismatch", "t=1,v1={sig}"),
    "the body alone signed": Delivery("mismatch", "t=" + T + ",v1={sig}", t="", joined_by=b""),
    "joined by nothing": Delivery("mismatch", joined_by=b""),
    "joined by a dollar, as the typo has it": Delivery("mismatch", joined_by=b".$"),
    "a body that was changed": Delivery("mismatch", signed_body=BODY.replace(b"4821", b"4822")),
    "a body with a line end more": Delivery("mismatch", body=BODY + b"\n", signed_body=BODY),
    "a body that was lost": Delivery("mismatch", body=b"", signed_body=BODY),
    "a body that was written anew": Delivery("mismatch", body=BODY.replace(b" ", b""), signed_body=BODY),
    # --- signed, but not now
    "six minutes old": Delivery("stale", t=str(int(NOW) - 360)),
    "twelve hours old": Delivery("stale", t=str(int(NOW) - 43_200)),
    "a fraction of a second too old": Delivery("stale", t=str(int(NOW) - 300)),
    "six minutes ahead": Delivery("stale", t=str(int(NOW) + 360)),
    "of 1970": Delivery("stale", t="1"),
    "of the year 33,658": Delivery("stale", t="999999999999"),
}  # fmt: skip


def outcome(delivery: Delivery) -> str:
    """Take a delivery as the web process does, up to where it is stored."""
    try:
        proof = signature.verify(delivery.lines(), delivery.body, secrets=[CURRENT, PREVIOUS], now=NOW)
    except SignatureError as refused:
        return refused.reason
    assert proof.secret == delivery.key
    content = payload.read("transcribe.so", delivery.body)
    assert content.raw == delivery.body
    return "stored" if isinstance(content, Event) else "quarantined"


@pytest.mark.parametrize("delivery", CORPUS.values(), ids=CORPUS)
def test_a_delivery_comes_to_what_the_corpus_says(delivery: Delivery) -> None:
    assert outcome(delivery) == delivery.expect


@pytest.mark.parametrize("what", [what for what, d in CORPUS.items() if d.expect in ("stored", "quarantined")])
def test_a_good_delivery_is_refused_under_secrets_that_are_not_active(what: str) -> None:
    with pytest.raises(SignatureError, match="mismatch"):
        signature.verify(CORPUS[what].lines(), CORPUS[what].body, secrets=[RETIRED, b""], now=NOW)


@pytest.mark.parametrize("what", [what for what, d in CORPUS.items() if d.expect == "stored"])
def test_a_good_delivery_is_refused_with_a_byte_changed_anywhere(what: str) -> None:
    delivery = CORPUS[what]
    for place in range(0, len(delivery.body), 7):
        changed = bytearray(delivery.body)
        changed[place] ^= 1
        with pytest.raises(SignatureError, match="mismatch"):
            signature.verify(delivery.lines(), bytes(changed), secrets=[CURRENT, PREVIOUS], now=NOW)
