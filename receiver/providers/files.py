"""The files of a result: safe names, and the transcript in subtitles. Pure."""

import re
import sys
import unicodedata
from collections.abc import Collection

from receiver.errors import ProviderUnavailable
from receiver.logs.unseen import is_unseen
from receiver.transcripts import Transcript, subtitles

NAME_BYTES = 200  # of UTF-8; a number and the endings of a download are added, and most file systems take 255

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_EDGES = re.compile(r"^[. ]|[. ]$")  # a file is hidden by the first, and Windows leaves the last out
_SIGNS = "_.,()+ -"
_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE)  # by Windows, with any ending


def ending(name: str) -> str:
    """Return the ending of a name with its dot, such as `.wav`; empty if there is none."""
    found = _ENDING.search(name)
    return "" if found is None else found[0]


def harmless(name: str, encoding: str = sys.getfilesystemencoding()) -> str:
    """Return a name that a file of ours can have on any system: letters and digits of any script, and a few signs.

    No two look the same: what shows nothing is replaced too. It is in NFC, and its end stays if it is too long.
    `encoding` is what the system writes names in.
    """
    known = unicodedata.normalize("NFC", name).encode(encoding, "replace").decode(encoding)
    kept = "".join(one if _is_kept(one) else "_" for one in known)
    kept = _EDGES.sub("_", kept.encode()[-NAME_BYTES:].decode(errors="ignore"))
    return f"_{kept}" if _RESERVED.match(kept) else kept or "file"


def _is_kept(one: str) -> bool:
    return one in _SIGNS or (unicodedata.category(one)[0] in "LMN" and not is_unseen(one))


def unlike(others: Collection[str], name: str) -> str:
    """Return a name; with a number before its ending if others have it."""
    end = ending(name)
    stem = name.removesuffix(end)
    names = [name, *(f"{stem}-{number}{end}" for number in range(2, len(others) + 3))]
    return next(one for one in names if one not in others)


def transcript(raw: bytes) -> Transcript:
    """Return the transcript in a file of subtitles, in which each text can begin with its speaker.

    Raises:
        ProviderUnavailable: there are none in it (code `malformed_answer`).
    """
    found = subtitles.read_srt(raw, speakers=True)
    # Silence is a success, an error message in the file's place is none.
    if not found.segments and b"-->" not in raw.replace(b"\0", b"") and raw.strip(b"\xef\xbb\xbf\xff\xfe\0\t\r\n "):
        raise ProviderUnavailable("the file holds no subtitles", code="malformed_answer")
    return found
