"""Sample events about the transcription in the provider's documentation, for sending without a provider."""

import secrets
import time
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

from receiver.sandbox.transcribe_so.account import EXAMPLE_ID
from receiver.sandbox.transcribe_so.pipelines import DEFAULT_CODE
from receiver.sandbox.transcribe_so.transcription import stamp

Kind: TypeAlias = Literal["completed", "failed", "test"]


def announcement(kind: Kind) -> dict[str, Any]:
    """Return the payload of a new event."""
    if kind == "test":
        return _event("webhook.test", {"message": "This is a test."})
    transcription = {
        "id": EXAMPLE_ID,
        "status": kind,
        "stage": kind,
        "pipeline_code": DEFAULT_CODE,
        "language": "auto",
        "source": "upload",
        "title": "podcast.mp3",
        "duration_seconds": 60,
        "billed_seconds": 60,
        "charge_usd": 0.03,
        "completed_at": stamp(datetime.now(UTC)),
    }
    if kind == "failed":
        transcription |= {"charge_usd": 0, "error": "The media could not be decoded."}
    return _event(f"transcription.{kind}", {"transcription": transcription})


def _event(event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event with its fields in the order of the provider's documentation."""
    return {
        "id": f"evt_sample_{secrets.token_hex(6)}", "event": event_type, "created": int(time.time()), "data": data
    }  # fmt: skip
