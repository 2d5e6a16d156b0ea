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
    event: dict[str, Any] = {"id": f"evt_sample_{secrets.token_hex(6)}", "created": int(time.time())}
    if kind == "test":
        return event | {"event": "webhook.test", "data": {"message": "This is a test."}}
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
    return event | {"event": f"transcription.{kind}", "data": {"transcription": transcription}}
