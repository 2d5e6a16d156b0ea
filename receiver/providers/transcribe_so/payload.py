"""The payload of a webhook of transcribe.so: the ids in it are its numbers. Pure."""

from receiver import events
from receiver.events import Event, NotAnEventError, Unreadable

# In the order of the provider's documentation.
FIELDS = (
    "id", "event", "created", "data", "transcription", "status", "stage", "pipeline_code", "language", "source",
    "title", "duration_seconds", "billed_seconds", "charge_usd", "completed_at",
)  # fmt: skip


def read(source: str, body: bytes) -> Event | Unreadable:
    """Return the event in `body`, or say why it is unreadable. Never raise, whatever the bytes."""
    try:
        return events.read_envelope(source, body, _transcription_id)
    except NotAnEventError as exc:
        return events.unreadable(source, body, str(exc))


def read_item(source: str, body: bytes, event_id: str) -> Event | Unreadable:
    """Return the event that an item of the provider's list stands for, as if it had been announced under `event_id`."""
    try:
        item = events.document(body)
        event_type = f"transcription.{item.get('status')}"
        return events.of_transcription(source, (event_id, event_type), body, item, _transcription_id)
    except NotAnEventError as exc:
        return events.unreadable(source, body, str(exc))


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
