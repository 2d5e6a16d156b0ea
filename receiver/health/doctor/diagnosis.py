"""Say why a request that was captured does not prove itself. Pure.

the signature's header ──▶ absent, or not written as agreed
each secret that is or was known, with the body as it is ──▶ whose it is, and how far the clocks are apart
                                   with what a sender can misread ──▶ what it has signed instead
                                   as a person may write it ──▶ it has white space or quotes
                                   with a body that others may have written anew ──▶ how it was changed
nothing fits ──▶ unknown: another secret, or another body
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from receiver import signature
from receiver.errors import SignatureError
from receiver.health.doctor import variants
from receiver.health.doctor.capture import Captured
from receiver.health.doctor.variants import Misread, Rewritten
from receiver.health.finding import Finding

Belonging: TypeAlias = Literal["old_secret", "other_key", "other_account", "webhook", "callback"]
Cause: TypeAlias = Belonging | Misread | Rewritten | Literal[
    "well", "no_header", "malformed", "clock", "written_secret", "no_secret", "unknown"
]  # fmt: skip

MILLISECONDS = 13  # digits of a time in milliseconds
# How many bytes are hashed to find one mistake (in about half a second), and how many cost what each beginning costs.
MOST_HASHED = 1024**3
BEGINNING = 4096
_STAMP = re.compile(rb"(?:^|[,\s])t=\s*([^,\s]+)")
_MAC = re.compile(rb"(?:^|[,\s])v1=\s*\"?([0-9A-Fa-f]{64})\"?(?=[,\s]|$)")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A secret that can have signed a request.

    Attributes:
        cause: what it means if this one has: `well` if it verifies here now.
        whose: what it is, in words.
        todo: what to do if this one has.
    """

    secret: bytes = field(repr=False)
    cause: Belonging | Literal["well"]
    whose: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a request does not prove itself, or that it does (`well`)."""

    cause: Cause
    seen: str
    todo: str = ""

    @property
    def finding(self) -> Finding:
        """The same as a finding."""
        return Finding("signature", holds=self.cause == "well", seen=self.seen, todo=self.todo)

    def to_json(self) -> dict[str, Any]:
        """Return the fields that `diagnose --json` prints."""
        return {"cause": self.cause} | self.finding.to_json()


def examine(request: Captured, candidates: Sequence[Candidate], *, now: float, past: float) -> Diagnosis:
    """Return why a request that came at `now` (unix seconds) is refused. A signature can be `past` seconds old.

    It takes a few seconds for a large body and very many candidates. The first ones are tried with everything.
    """
    header = b",".join(request.all(signature.HEADER))
    stamp, macs = _STAMP.search(header), [mac.lower() for mac in _MAC.findall(header)]
    if not header.strip(b" \t,"):
        return _no_header(request)
    if stamp is None or not macs:
        return _malformed("it has no t= or no v1= with 64 hexadecimal digits")
    cases = [_Case(one, stamp[1], frozenset(macs), now, past) for one in _readings(request)]
    ways: tuple[Callable[[_Case, Sequence[Candidate]], Diagnosis | None], ...] = (
        _Case.as_it_is, _Case.misread, _Case.with_a_written_secret, _Case.with_another_body
    )  # fmt: skip
    for explain in ways:
        for case in cases:
            if (found := explain(case, candidates)) is not None:
                behind = "" if case.request is request else BEHIND.format(request.length)
                return replace(found, seen=f"{found.seen}{behind}")
    return cases[0].unexplained(candidates)


def _readings(request: Captured) -> list[Captured]:
    """Return a request with all that was captured as its body; then, if that is more, with what Content-Length says."""
    shorter = request.length is not None and request.length < len(request.body)
    return [request, *([request._replace(body=request.body[: request.length])] if shorter else [])]


@dataclass(frozen=True, slots=True)
class _Case:
    """What is known of a request: the time and the MACs in its header, and when it came."""

    request: Captured
    stamp: bytes
    macs: frozenset[bytes]
    now: float
    past: float

    def _signed(self, secret: bytes, *, stamp: bytes | None = None, body: bytes | None = None) -> bool:
        stamp, body = self.stamp if stamp is None else stamp, self.request.body if body is None else body
        return secret != b"" and signature.mac(secret, stamp, body) in self.macs  # an empty one verifies nothing

    def as_it_is(self, candidates: Sequence[Candidate]) -> Diagnosis | None:
        """Look for the secret that has signed what came."""
        found = next((one for one in candidates if self._signed(one.secret)), None)
        if found is None:
            return None
        if len(self.stamp) == MILLISECONDS and self.stamp.isdigit():
            return _milliseconds(found)
        if (wrong := self._wrong_form()) is not None:
            return _malformed(f"{wrong}, although {found.whose} proves it")
        if found.cause != "well":
            return Diagnosis(found.cause, f"{found.whose} proves it{self._late()}", found.todo)
        if self._late():
            return Diagnosis("clock", f"{found.whose} proves it{self._late()}", ANOTHER_TIME)
        signed = f"it was signed {_apart(self.now - int(self.stamp))}"
        return Diagnosis("well", f"it would be accepted; {found.whose} proves it; {signed}")

    def misread(self, candidates: Sequence[Candidate]) -> Diagnosis | None:
        """Look for something else that was signed: with a `$`, or with a time in milliseconds."""
        signings = list(variants.of_signing(self.stamp, self.request.body))
        for one in _affordable(candidates, (body for _, _, body in signings)):
            for cause, stamp, body in signings:
                if self._signed(one.secret, stamp=stamp, body=body):
                    return _dollar(one) if cause == "dollar" else _milliseconds(one)
        return None

    def with_a_written_secret(self, candidates: Sequence[Candidate]) -> Diagnosis | None:
        """Look for a secret with what a shell, a file or a form can add to one."""
        for one in _affordable(candidates, [self.request.body] * variants.SECRETS):
            for how, secret in variants.of_secret(one.secret):
                if self._signed(secret):
                    where, todo = (
                        ("here", WRITTEN_HERE) if len(secret) < len(one.secret) else ("at the sender", WRITTEN_THERE)
                    )
                    seen = f"the secret is written wrong {where}; {one.whose} proves it {how}{self._late()}"
                    return Diagnosis("written_secret", seen, todo)
        return None

    def with_another_body(self, candidates: Sequence[Candidate]) -> Diagnosis | None:
        """Look for the body that was signed, among those that others can have made this one of."""
        tried = _affordable(candidates, self._bodies())
        for cause, how, body in variants.of_body(self.request.body):
            for one in tried:
                if self._signed(one.secret, body=body):
                    seen = f"{CHANGED[cause]}; {one.whose} proves it {how}{self._late()}"
                    return Diagnosis(cause, seen, NOT_THE_BYTES)
        return None

    def unexplained(self, candidates: Sequence[Candidate]) -> Diagnosis:
        """Return what can be said if nothing fits."""
        if (wrong := self._wrong_form()) is not None:
            return _malformed(wrong)
        if not any(one.cause == "well" for one in candidates):
            return Diagnosis(
                "no_secret", "no secret is known for the address that it came to",
                "run `receiver register`, or set TRANSCRIBE_WEBHOOK_SECRET",
            )  # fmt: skip
        tried = len(_affordable(candidates, self._bodies()))
        seen = "no secret that is or was known here proves it, also not if a usual change of the body is undone"
        if tried < len(candidates):
            seen += f"; changes were tried with {tried:,} of {len(candidates):,} secrets"
        size, length = len(self.request.body), self.request.length
        codings = {coding.lower() for coding in self.request.all(b"content-encoding")} - {b"", b"identity", b"gzip"}
        if length is not None and size != length:
            todo = f"capture the whole body: there are {size:,} bytes, and Content-Length says {length:,}"
        elif not size:
            todo = "capture the body too: there is none"
        elif codings:
            todo = "let nothing pack the body on its way: it has a Content-Encoding"
        else:
            todo = (
                "put the secret that the sender signs with into TRANSCRIBE_WEBHOOK_SECRET, or get a new one by "
                "`receiver register --rotate`; if it is known here, the body was changed on its way"
            )
        return Diagnosis("unknown", seen, todo)

    def _bodies(self) -> Iterator[bytes]:
        return (one.body for one in variants.of_body(self.request.body))

    def _late(self) -> str:
        """Return how far its time is off, as the end of a sentence; empty if that is accepted."""
        if not re.fullmatch(rb"[0-9]{1,12}", self.stamp):
            return ""
        off = self.now - int(self.stamp)
        if -signature.TOLERANCE_SECONDS <= off <= self.past:
            return ""
        return f", but it was signed {_apart(off)}, and {signature.TOLERANCE_SECONDS} s are accepted"

    def _wrong_form(self) -> str | None:
        """Return what is wrong with the header; None if it is written as agreed."""
        try:
            signature.verify(self.request.headers, b"", secrets=(), now=0)
        except SignatureError as exc:
            if exc.reason == "malformed":
                return _form(self.request.all(signature.HEADER))
        return None


BEHIND = "; the capture goes on behind the {:,} bytes that Content-Length counts"
ANOTHER_TIME = (
    "set the clock that is wrong, at the sender or here; if it is an old delivery that was sent again, see "
    "RECEIVER_STALE"
)
WRITTEN_THERE = "set the secret at the sender as the provider has shown it, without what was added"
WRITTEN_HERE = "set the secret here as the provider has shown it, without what was added: see TRANSCRIBE_WEBHOOK_SECRET"
CHANGED: Mapping[Rewritten, str] = {
    "line_ends": "the line ends of the body were changed",
    "json": "the JSON of the body was written anew",
    "bom": "a byte order mark was set before the body, or taken away",
    "gzip": "the body was packed",
    "charset": "the body was converted to another character set",
}
NOT_THE_BYTES = (
    "let the proxy or program before this receiver pass the body on byte for byte; if you edited or pasted the "
    "capture, capture it anew"
)


def _affordable(candidates: Sequence[Candidate], bodies: Iterable[bytes]) -> Sequence[Candidate]:
    """Return as many candidates, from the first on, as can be tried with each of the bodies in about half a second."""
    each = sum(len(body) + BEGINNING for body in bodies)
    return candidates[: max(1, MOST_HASHED // max(1, each))]


def _no_header(request: Captured) -> Diagnosis:
    others = sorted({name.decode("ascii").lower() for name, _ in request.headers if b"signature" in name.lower()})
    beside = f"; there is {', '.join(others)}" if others else ""
    return Diagnosis(
        "no_header", f"it has no X-Transcribe-Signature{beside}",
        "if transcribe.so has sent it, let the proxy or program before this receiver pass that header on",
    )  # fmt: skip


def _malformed(wrong: str) -> Diagnosis:
    return Diagnosis(
        "malformed", f"X-Transcribe-Signature is not written as agreed: {wrong}",
        "let the sender write t=<unix seconds>,v1=<64 lower-case hexadecimal digits>, once",
    )  # fmt: skip


def _milliseconds(candidate: Candidate) -> Diagnosis:
    return Diagnosis(
        "milliseconds", f"the time is in milliseconds; {candidate.whose} proves it",
        "let the sender write and sign t in seconds",
    )  # fmt: skip


def _dollar(candidate: Candidate) -> Diagnosis:
    return Diagnosis(
        "dollar", f"the sender signs a literal `$`; with it {candidate.whose} proves it",
        "let the sender sign the time, a point and the body alone; the `$` in `$${t}.$${rawBody}` is a slip of the "
        "provider's documentation",
    )  # fmt: skip


def _apart(off: float) -> str:
    return f"{abs(off):,.0f} s {'before' if off >= 0 else 'after'} it came"


def _form(lines: Sequence[bytes]) -> str:
    """Return in words what is wrong with a header that is malformed."""
    header = b",".join(lines)
    elements = [element.strip(b" \t") for element in header.split(b",")]
    times = [element for element in elements if element.startswith(b"t=")]
    if len(header) > signature.HEADER_BYTES:
        return f"it has more than {signature.HEADER_BYTES:,} bytes"
    if len(lines) > 1:
        return f"the header is there {len(lines)} times"
    if len(times) != 1:
        return f"it has {len(times)} times"
    if not re.fullmatch(rb"t=[1-9][0-9]{0,11}", times[0]):
        return "its time is no number of seconds"
    if not any(re.fullmatch(rb"v1=[0-9a-f]{64}", element) for element in elements):
        return "its v1 is not 64 lower-case hexadecimal digits"
    return "it has something that is no name=value"
