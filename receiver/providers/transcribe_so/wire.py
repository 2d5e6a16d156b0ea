"""What requests are made of. Pure."""

from datetime import datetime, timedelta
from typing import Any

from receiver.errors import InvalidRequest


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that have a value: the API reads null as a mistake."""
    return {name: value for name, value in fields.items() if value is not None}


def a_moment_later(cursor: str) -> str:
    """Return a millisecond later than an ISO time, which is how exactly the provider writes one."""
    try:
        return (datetime.fromisoformat(cursor) + timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return cursor  # not a time after all: then it is the provider's own business


def path(transcription_id: str | int, *rest: str) -> str:
    """Return the path of a transcription; the id is checked to be the positive integer that this source uses.

    Raises:
        InvalidRequest: it is none.
    """
    text = str(transcription_id)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) < 2**63):  # noqa: PLR2004
        raise InvalidRequest("a transcription id of transcribe.so is a positive integer", code="invalid_id")
    return "/".join(["transcriptions", str(int(text)), *rest])
