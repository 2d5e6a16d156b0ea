"""Build the pieces of a request: fields, cursors, paths. Pure."""

from datetime import datetime, timedelta
from typing import Any

from receiver.errors import InvalidRequest


def given(**fields: Any) -> dict[str, Any]:
    """Return the fields that have a value, because the API refuses null."""
    return {name: value for name, value in fields.items() if value is not None}


def a_moment_later(cursor: str) -> str:
    """Return an ISO time plus a millisecond, the precision of the provider's times, or plus a second if it has none."""
    precision = timedelta(milliseconds=1) if "." in cursor else timedelta(seconds=1)
    try:
        return (datetime.fromisoformat(cursor) + precision).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        return cursor  # not a time, so send the provider its own cursor unchanged


def path(transcription_id: str | int, *rest: str) -> str:
    """Return the path of a transcription.

    Raises:
        InvalidRequest: no transcription can have this id.
    """
    return "/".join(["transcriptions", number(transcription_id), *rest])


def number(transcription_id: str | int) -> str:
    """Return a transcription's id as the provider writes it: no zeros before it.

    Raises:
        InvalidRequest: the id is not a positive integer, and this provider uses no other ids.
    """
    text = str(transcription_id)
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) < 2**63):  # noqa: PLR2004
        raise InvalidRequest("a transcription id of transcribe.so is a positive integer", code="invalid_id")
    return str(int(text))
