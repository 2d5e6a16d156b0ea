"""The payload of a webhook of transcribe.so. Pure.

{"id": "evt_…", "event": "transcription.completed", "created": 1777472458, "data": {"transcription": {"id": 4821, …}}}
"""

from collections.abc import Mapping
from typing import Any

from receiver import events
from receiver.events import Event, NotAnEventError, Transcription, Unreadable

INFINITE = float("inf")  # Python reads 1e400 as this


def read(source: str, body: bytes) -> Event | Unreadable:
    """Return the event in `body`, or say why it is unreadable. Never raise, whatever the bytes."""
    try:
        return _event(source, body)
    except NotAnEventError as exc:
        return events.unreadable(source, body, str(exc))


def _event(source: str, body: bytes) -> Event:
    payload = events.document(body)
    event_id, event_type = events.identity(payload.get("id"), payload.get("event"))
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


def _transcription_id(event_type: str, value: object) -> str | None:
    """Return the id as text. A wrong id makes a `transcription.*` event unreadable, and is ignored in other events."""
    valid = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
    if valid:
        return str(value)
    if event_type == "transcription.completed":
        raise NotAnEventError("it has no positive 63-bit transcription id")
    if event_type.startswith("transcription.") and value is not None:
        raise NotAnEventError("its transcription id is not a positive 63-bit integer")
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
