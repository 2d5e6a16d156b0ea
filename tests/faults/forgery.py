"""Mutate authentic deliveries, and hold what `receiver.signature` says of each against a second reading of its grammar.

The second reading shares nothing with the code: no pattern, no `hmac`. It decides in both directions, because many
mutations change nothing that counts (an unknown element, a second candidate, a blank) and must still be proven.
"""

import hashlib
import multiprocessing
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from receiver.errors import SignatureError
from receiver.signature import HEADER, verify

NOW = 1_777_472_458
ACTIVE = (b"whsec_current", b"whsec_previous", "whsec_ü".encode(), b"k", b"whsec_longer_than_a_block_" * 4, b"")
STRANGER = b"whsec_of_a_stranger"
BLOCK = 10_000
SHOWN = 20

LOWER, DIGITS, HEX = set("abcdefghijklmnopqrstuvwxyz"), set("0123456789"), set("0123456789abcdef")
PRINTABLE = bytes([9, *range(0x20, 0x7F)])


@dataclass(frozen=True, slots=True)
class Delivery:
    """Raw header lines and a body, and who looks at them when."""

    headers: list[tuple[bytes, bytes]]
    body: bytes
    secrets: list[bytes]
    now: float


@dataclass(slots=True)
class Tally:
    """What came out: how many of each reason, and what is wrong, with where to find it."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    shown: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.outcomes += other.outcomes
        self.wrong += other.wrong
        self.shown += other.shown[: SHOWN - len(self.shown)]


# --- the second reading ----------------------------------------------------------------------------------------------


def mac(secret: bytes, message: bytes) -> str:
    """Return HMAC-SHA256 in hex, as RFC 2104 spells it."""
    key = (hashlib.sha256(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in key) + inner).hexdigest()


def parsed(header: bytes) -> tuple[str, list[str]] | None:
    """Return `t` and the candidates of a joined header; None where it is malformed."""
    if len(header) > 1024 or header.translate(None, PRINTABLE):
        return None
    elements = [element for part in header.decode("ascii").split(",") if (element := part.strip(" \t"))]
    stamps, candidates = [], []
    for element in elements:
        key, equals, value = element.partition("=")
        if not equals or not key or key[0] not in LOWER or not set(key) <= LOWER | DIGITS | {"_"}:
            return None
        if key == "t":
            stamps.append(value)
        if key == "v1" and len(value) == 64 and set(value) <= HEX:
            candidates.append(value)
    if len(elements) > 16 or len(stamps) != 1 or not candidates:
        return None
    stamp = stamps[0]
    return (stamp, candidates) if 0 < len(stamp) < 13 and set(stamp) <= DIGITS and stamp[0] != "0" else None


def expected(delivery: Delivery) -> tuple[str, set[bytes], int]:
    """Return the reason, or `proven`; then also the secrets that may be named, and when it was signed."""
    header = b",".join(value for name, value in delivery.headers if name.lower() == b"x-transcribe-signature")
    if not header.strip(b"\t ,"):
        return "missing", set(), 0
    found = parsed(header)
    if found is None:
        return "malformed", set(), 0
    stamp, candidates = found
    message = stamp.encode() + b"." + delivery.body
    signers = {secret for secret in delivery.secrets if secret and mac(secret, message) in candidates}
    if not signers:
        return "mismatch", set(), 0
    fresh = int(stamp) - 300 <= delivery.now <= int(stamp) + 300
    return ("proven", signers, int(stamp)) if fresh else ("stale", set(), 0)


# --- mutations -------------------------------------------------------------------------------------------------------

STAMPS = [
    b"", b"0", b"-1", b"+1", b"01777472458", b"1777472458 ", b"1_777_472_458", b"1777472458.0", b"1.7e9", b"0x6a",
    b"9" * 12, b"9" * 13, b"9" * 900, b"1", b"nan", b"\xd9\xa1\xd9\xa7", b"\xef\xbc\x91" * 10, b"\xb2\xb9", b"t=1",
]  # fmt: skip
STRANGE = [
    b"t", b"=", b"v1", b"v1=", b"v0=1", b"v2=x=y", b"v1a=AAEC==", b"kid=2026", b"kid=", b"k=\x00", b"k=\x7f", b"k=\xe9",
    b"V1=x", b"T=1", b"_v=1", b"1v=1", b"k-id=1", b"a_9_=x", b"t=1", b"t =1", b"t= 1", b" ", b"", b"\t", b"garbage",
    b"v1=" + b"0" * 64, b"v1=" + b"A" * 64, b"v1=" + "\uff10".encode() * 64, b"pad=" + b"x" * 1000, b"Bearer x=1",
    b'"v1"=1', b"v1 =x", b"v1\xa0=x", b"k=1;v1=2", b"\x0b", b"k=\r\n",
]  # fmt: skip
BYTES = b"\0\t\n\r\x0b\x0c \"'+,-.0159:;=ATVX_atvx\x7f\x80\x85\xa0\xd9\xff"
CHUNKS = [bytes([byte]) for byte in BYTES] + [b"\xd9\xa1", b"\r\n", b",t=1", b",v1=", b"v1=" + b"f" * 64, b" , ", b"=="]
OFFSETS = [0, 0, 0, 0, 0, -1, 1, -299, 299, -300, 300, -301, 301, 12, -150]
NOWS = [0.0, 0.0, 0.0, 0.5, -0.5, 0.01, -0.01, 300.0, -300.0]
NAMES = [b"x-transcribe-signature"] * 6 + [
    b"X-Transcribe-Signature",
    b"X-TRANSCRIBE-SIGNATURE",
    b"x-TrAnScRiBe-sIgNaTuRe",
]
OTHERS = [
    b"x-transcribe-signature-2",
    b"transcribe-signature",
    b"x_transcribe_signature",
    b"",
    b"x-transcribe-signature ",
]


class Forger:
    """Makes deliveries that are authentic but for what chance has changed; the same from the same seed."""

    def __init__(self, seed: str) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - it is to be repeatable
        title = self.chance.randbytes(40).hex()
        self._bodies = [
            b"", b"{}", b"12.34", b"\x00", b"." * 3, self.chance.randbytes(300), b"\xff\xfe" + "ü".encode("utf-16-le"),
            b'{"id":"evt_1","event":"webhook.test","data":{}}', title.encode() * 200,
            *(b'{"id":"evt_%d","event":"transcription.completed"}' % number for number in range(20)),
        ]  # fmt: skip

    def delivery(self) -> Delivery:
        chance = self.chance
        body, stamp = chance.choice(self._bodies), b"%d" % (NOW + chance.choice(OFFSETS))
        signed = stamp
        if chance.random() < 0.1:
            stamp = chance.choice(STAMPS)
            signed = stamp if chance.random() < 0.7 else signed
        signer = chance.choice(ACTIVE) if chance.random() < 0.9 else STRANGER
        elements = [b"t=" + stamp, b"v1=" + mac(signer, signed + b"." + body).encode()]
        for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3))):
            self._change(elements, stamp + b"." + body)
        headers = [(chance.choice(NAMES), line) for line in self._lines(elements)]
        if chance.random() < 0.05:
            headers.insert(chance.randrange(len(headers) + 1), (chance.choice(OTHERS), chance.choice(STRANGE)))
        if chance.random() < 0.3:
            body = self._spoilt(body)
        secrets = chance.sample(ACTIVE, chance.choice((1, 2, 3, 4, 5, 6)))
        if chance.random() < 0.5 and signer in ACTIVE and signer not in secrets:
            secrets[0] = signer
        return Delivery(headers, body, secrets if chance.random() < 0.98 else [], NOW + chance.choice(NOWS))

    def _change(self, elements: list[bytes], message: bytes) -> None:
        """Make one change to the elements, in place."""
        chance, place = self.chance, self.chance.randrange(len(elements) + 1)
        match chance.randrange(10):
            case 0 | 1:
                elements.insert(place, chance.choice(STRANGE))
            case 2:
                elements.insert(place, chance.choice(elements))
            case 3:
                candidates = [b"v1=" + chance.randbytes(32).hex().encode() for _ in range(chance.randrange(17))]
                elements[place:place] = candidates
            case 4:
                elements[place:place] = [chance.choice((b"", b"k=", b"v0=1"))] * chance.randrange(18)
            case 5:  # another's signature beside it, or in its place
                other = b"v1=" + mac(chance.choice((*ACTIVE, STRANGER)), message).encode()
                elements[place : place + chance.randrange(2)] = [other]
            case 6:
                chance.shuffle(elements)
            case 7:
                blanks = (b"", b" ", b"\t", b" \t ")
                elements[:] = [chance.choice(blanks) + element + chance.choice(blanks) for element in elements]
            case _:
                place = min(place, len(elements) - 1)
                elements[place] = self._changed(elements[place], message)

    def _changed(self, element: bytes, message: bytes) -> bytes:
        """Return an element that is nearly the same."""
        sha512 = hashlib.sha512(message).hexdigest().encode()
        return self.chance.choice((
            element.upper(), element[:-1], element + b"0", element + b" ", b"k=" + element, b"", b"t=%d" % (NOW + 1),
            *(element.replace(b"v1=", wrong) for wrong in (b"v0=", b"v2=", b"v1==", b"V1=", b"v1 =", b"v1= ")),
            b"v1=" + sha512[:64], b"v1=" + sha512,
        ))  # fmt: skip

    def _lines(self, elements: list[bytes]) -> list[bytes]:
        """Return the header lines: one, or several; perhaps of the longest length, perhaps spoilt."""
        chance = self.chance
        if chance.random() < 0.03:
            missing = 1024 + chance.randrange(-1, 2) - len(b",".join(elements)) - len(b",pad=")
            elements = [*elements, b"pad=" + b"x" * missing]
        lines = [b",".join(elements)]
        if chance.random() < 0.2:
            cuts = sorted(chance.randrange(len(elements) + 1) for _ in range(chance.randrange(1, 4)))
            lines = [b",".join(elements[a:b]) for a, b in zip([0, *cuts], [*cuts, len(elements)], strict=True)]
        if chance.random() < 0.3:
            place = chance.randrange(len(lines))
            lines[place] = self._spoilt(lines[place])
        if chance.random() < 0.01:
            lines = [b" \t,"[: chance.randrange(4)] * chance.randrange(600)]
        return lines

    def _spoilt(self, text: bytes) -> bytes:
        """Return bytes with one to three small changes, some of which may be none."""
        chance = self.chance
        for _ in range(chance.choice((1, 1, 2, 3))):
            a, b = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
            match chance.randrange(8):
                case 0 if a < len(text):
                    text = text[:a] + bytes([text[a] ^ 1 << chance.randrange(8)]) + text[a + 1 :]
                case 1 | 2:
                    text = text[:a] + chance.choice(CHUNKS) + text[a:]
                case 3:
                    text = text[:a] + text[a + 1 :]
                case 4:
                    text = text[:a] + chance.choice(CHUNKS) + text[a + 1 :]
                case 5:
                    text = text[:b] + text[a:b] + text[b:]
                case 6:
                    text = text[:a] if chance.random() < 0.5 else text[:a] + text[b:]
                case _:
                    text = text + chance.choice((b"\n", b" ", b"\0", b"," * 20, b"x" * 2000))
        return text


# --- judging ---------------------------------------------------------------------------------------------------------


def judge(delivery: Delivery) -> tuple[str, str | None]:
    """Return what the verifier ought to say of a delivery, and what is wrong with what it says."""
    reason, signers, at = expected(delivery)
    try:
        proof = verify(delivery.headers, delivery.body, secrets=delivery.secrets, now=delivery.now)
    except SignatureError as exc:
        if exc.reason == reason:
            return reason, None
        return reason, "falsely refused" if reason == "proven" else "refused for another reason"
    except Exception as exc:  # noqa: BLE001 - what is looked for
        return reason, f"raised {type(exc).__name__}"
    if reason != "proven":
        return reason, "falsely accepted"
    return reason, None if proof.secret in signers and proof.signed_at == at else "wrong proof"


def attack(seed: str, count: int) -> Tally:
    """Judge so many deliveries made from one seed."""
    forger, tally = Forger(seed), Tally()
    for number in range(count):
        delivery = forger.delivery()
        reason, wrong = judge(delivery)
        tally.outcomes[reason] += 1
        if wrong is not None:
            tally.wrong[wrong] += 1
            if len(tally.shown) < SHOWN:
                tally.shown.append(f"{wrong} ({reason}), seed {seed!r}, number {number}: {delivery}")
    return tally


def attacks(attack: Callable[[str, int], Tally], seed: int, count: int, *, workers: int) -> Iterator[Tally]:
    """Judge `count` of what `attack` makes in several processes; yields the sum so far."""
    blocks: Sequence[str] = [f"{seed}/{block}" for block in range(count // BLOCK)]
    total = Tally()
    # Spawned: a fork of a process that has threads may hang.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(attack, block, BLOCK) for block in blocks]):
            total.add(done.result())
            yield total


assert HEADER == b"x-transcribe-signature", "the second reading names the header itself"
