"""Where a recording can be played from: a file that lies here, or the address that was submitted. Pure.

An address can hold a secret, in its query or before its host: such a one is never shown, and never given to a browser.
"""

import re
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

# By the end of a file's name: what browsers play, and how they are told what it is.
TYPES = {
    ".aac": "audio/aac", ".flac": "audio/flac", ".m4a": "audio/mp4", ".mp3": "audio/mpeg", ".mp4": "audio/mp4",
    ".oga": "audio/ogg", ".ogg": "audio/ogg", ".opus": "audio/ogg", ".wav": "audio/wav", ".webm": "audio/webm",
}  # fmt: skip
_HOST = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.?")
_PATH = re.compile(r"[A-Za-z0-9._~!$&'()*+,=:@/%-]*")  # no `;`, which ends a policy, and nothing that needs an escape
MOST_CHARACTERS = 2000


class Elsewhere(NamedTuple):
    """A recording at an address that a browser may be given.

    Attributes:
        host: with the port, if one is named.
        origin: scheme and host, as a policy names them.
    """

    url: str
    host: str
    origin: str


class Unplayable(NamedTuple):
    """Why a recording that was submitted by its address cannot be played here, and its host if that can be named."""

    why: str
    host: str | None


def kind(name: str) -> str | None:
    """Return the type of audio that a file has by its name; None if browsers do not play it."""
    return TYPES.get(name[name.rfind(".") :].lower())


def elsewhere(url: str) -> Elsewhere | Unplayable:
    """Return where the recording at an address is played from, or why it cannot be."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return Unplayable("its address cannot be read", None)
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or not url.isascii():
        return Unplayable("its address is no plain http or https address", None)
    named = host if port is None else f"{host}:{port}"
    origin = f"{parts.scheme}://{named}"
    why = _why_not(url, parts)
    return Elsewhere(f"{origin}{parts.path}", named, origin) if why is None else Unplayable(why, named)


def _why_not(url: str, parts: SplitResult) -> str | None:
    """Return why a browser is not given an address."""
    reasons = (
        ("@" in parts.netloc, "its address holds a name or a password"),
        ("?" in url or "#" in url, "its address has a query, which can be a secret"),
        (
            len(url) > MOST_CHARACTERS or not _PATH.fullmatch(parts.path),
            "its address has characters that are not plain",
        ),
        (kind(parts.path) is None, "its address names no file that browsers play"),
    )
    return next((why for is_so, why in reasons if is_so), None)
