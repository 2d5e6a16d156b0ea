"""Read the body of an authentic delivery. Pure.

A body that cannot be read as an event is an `Unreadable`, never an exception. The source has signed it, so a refusal
would only make the source retry. The body is kept raw under the hash of its bytes and answered 2xx.

JSON parsers disagree about duplicate keys, NaN, huge integers and lone surrogates, and PostgreSQL cannot store NUL.
A body that two parsers could read in two ways is unreadable here.
"""

import hashlib
import itertools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

DEPTH = 64
INTEGER_DIGITS = 40
TYPE_LENGTH = 255
INFINITE = float("inf")  # Python reads 1e400 as this

_ID = re.compile(r"[\x21-\x7e]{1,255}")
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class AccountId(NamedTuple):
    """What an account is named by wherever something is kept: ids of two accounts collide."""

    source: str
    api_url: str
    account: str


@dataclass(frozen=True, slots=True)
class Transcription:
    """What an event says about a transcription. Every field can be missing: only `completed` is documented.

    The id is always text, even if the JSON has a number. Durations are seconds; `completed_at` is the provider's text.
    """

    id: str | None = None
    status: str | None = None
    stage: str | None = None
    pipeline_code: str | None = None
    language: str | None = None
    source: str | None = None
    title: str | None = None
    duration_seconds: float | None = None
    billed_seconds: float | None = None
    charge_usd: float | None = None
    completed_at: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What a delivery announces.

    Attributes:
        source: the sender, such as `transcribe.so`.
        id: unique within its source.
        type: such as `transcription.completed`. It is not an enum: the source can add types at any time.
        created: the source's time of the event (unix seconds). For information only; None if it is not a number.
        data: the payload's `data`, including fields that we do not know.
        transcription: the event's transcription. It is never None, but each of its fields can be None.
        raw: the body, byte for byte as it was signed.
    """

    source: str
    id: str
    type: str
    created: float | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    transcription: Transcription = field(default_factory=Transcription)
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An authentic body that is not an event. Its id is the SHA-256 of its bytes."""

    source: str
    id: str
    reason: str
    raw: bytes


class _NotAnEventError(Exception):
    """A body cannot be read as an event; the message says why."""


def read(source: str, body: bytes) -> Event | Unreadable:
    """Return the event in `body`, or say why it is unreadable. Never raise, whatever the bytes."""
    try:
        return _event(source, body)
    except _NotAnEventError as exc:
        return unreadable(source, body, str(exc))


def about(content: Event | Unreadable, transcription_id: str | None) -> Event | Unreadable:
    """Return `content` if it is about that transcription, else make it unreadable.

    A callback's secret proves deliveries about its own transcription only. A delivery about another transcription must
    not use the id of an event of that transcription.
    """
    if isinstance(content, Unreadable) or content.transcription.id == transcription_id:
        return content
    return unreadable(content.source, content.raw, "it is not about the transcription whose callback it came to")


def unreadable(source: str, body: bytes, reason: str) -> Unreadable:
    """Return an authentic body as unreadable, with the reason."""
    return Unreadable(source=source, id=hashlib.sha256(body).hexdigest(), reason=reason, raw=body)


def _event(source: str, body: bytes) -> Event:
    payload = _document(body)
    event_id, event_type = payload.get("id"), payload.get("event")
    if not isinstance(event_id, str) or not _ID.fullmatch(event_id):
        raise _NotAnEventError("its id is not 1 to 255 visible ASCII characters")
    if not isinstance(event_type, str) or len(event_type) > TYPE_LENGTH or not _TYPE.fullmatch(event_type):
        raise _NotAnEventError("its type is not lower-case dotted words")
    data = _object(payload.get("data"))
    fields = _object(data.get("transcription"))
    return Event(
        source=source,
        id=event_id,
        type=event_type,
        created=_number(payload.get("created")),
        data=data,
        transcription=_transcription(fields, _transcription_id(event_type, fields.get("id"))),
        raw=body,
    )


def _document(body: bytes) -> dict[str, Any]:
    """Parse a JSON object strictly."""
    try:
        document = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_integer
        )
    except UnicodeDecodeError as exc:
        raise _NotAnEventError("it is not UTF-8") from exc
    except RecursionError as exc:
        raise _NotAnEventError(f"it is nested deeper than {DEPTH}") from exc
    except ValueError as exc:
        raise _NotAnEventError("it is not JSON") from exc
    if not isinstance(document, dict):
        raise _NotAnEventError("it is not a JSON object")
    _check_values(document)
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _NotAnEventError("a key occurs twice in one object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise _NotAnEventError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > INTEGER_DIGITS:
        raise _NotAnEventError(f"an integer has more than {INTEGER_DIGITS} digits")
    return int(digits)


def _check_values(document: dict[str, Any]) -> None:
    """Refuse values that are too deep or cannot be stored. Go level by level: depth would break a recursion."""
    level: list[Any] = [document]
    for depth in itertools.count(1):
        if any(isinstance(value, str) and _UNSTORABLE.search(value) for value in level):
            raise _NotAnEventError("a text contains NUL or half a surrogate pair")
        containers = [value for value in level if isinstance(value, dict | list)]
        if not containers:
            return
        if depth > DEPTH:
            raise _NotAnEventError(f"it is nested deeper than {DEPTH}")
        level = [value for container in containers for value in _contents(container)]


def _contents(container: dict[str, Any] | list[Any]) -> list[Any]:
    return [*container, *container.values()] if isinstance(container, dict) else container


def _transcription_id(event_type: str, value: object) -> str | None:
    """Return the id as text. A wrong id makes a `transcription.*` event unreadable, and is ignored in other events."""
    valid = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
    if valid:
        return str(value)
    if event_type == "transcription.completed":
        raise _NotAnEventError("it has no positive 63-bit transcription id")
    if event_type.startswith("transcription.") and value is not None:
        raise _NotAnEventError("its transcription id is not a positive 63-bit integer")
    return None


def _transcription(fields: Mapping[str, Any], transcription_id: str | None) -> Transcription:
    return Transcription(
        id=transcription_id,
        status=_text(fields.get("status")),
        stage=_text(fields.get("stage")),
        pipeline_code=_text(fields.get("pipeline_code")),
        language=_text(fields.get("language")),
        source=_text(fields.get("source")),
        title=_text(fields.get("title")),
        duration_seconds=_number(fields.get("duration_seconds")),
        billed_seconds=_number(fields.get("billed_seconds")),
        charge_usd=_number(fields.get("charge_usd")),
        completed_at=_text(fields.get("completed_at")),
    )


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < INFINITE else None
