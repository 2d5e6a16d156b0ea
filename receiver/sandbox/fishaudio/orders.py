"""Read and check the parameters of a transcription. Pure."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from receiver.sandbox.refusals import RefusalError, refuse_any

LANGUAGES = ("auto", "zh", "en", "ja", "ko", "fr", "de", "es", "ar")
FORMATS = ("mp3", "wav", "m4a", "ogg", "webm", "flac", "aac", "wma")


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for."""

    audio_url: str
    ignore_timestamps: bool


def read(body: dict[str, Any]) -> Order:
    """Return the parameters, checked. Unknown ones are ignored.

    Raises:
        RefusalError: 400: a parameter is missing or wrong.
    """
    given = {name: value for name, value in body.items() if value is not None}
    url, hint, ignored = (
        given.get("audio_url"),
        given.get("file_name", "audio.mp3"),
        given.get("ignore_timestamps", False),
    )
    problems = {
        "audio_url must be a public http(s) address": not _is_address(url),
        f"language must be one of {', '.join(LANGUAGES)}": given.get("language", "auto") not in LANGUAGES,
        "ignore_timestamps must be true or false": not isinstance(ignored, bool),
        f"file_name must end with one of {', '.join(FORMATS)}": not _is_known(hint),
        "token must be a string": not isinstance(given.get("token", ""), str),
    }
    refuse_any(problems, wrong)
    return Order(str(url), bool(ignored))


def wrong(details: str) -> RefusalError:
    """Return the refusal of a parameter."""
    return RefusalError(400, "invalid_request", "Invalid request parameters", details=details)


def _is_address(url: object) -> bool:
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _is_known(hint: object) -> bool:
    return isinstance(hint, str) and hint.lower().rpartition(".")[2] in FORMATS
