"""The files of a result: safe names, and the transcript in subtitles. Pure."""

import re
from collections.abc import Collection

from receiver.errors import ProviderUnavailable
from receiver.transcripts import Transcript, subtitles

NAME_BYTES = 200  # a download adds an ending

_ENDING = re.compile(r"\.[A-Za-z0-9]{1,8}$")
_ODD = re.compile(r"[^\w.,()+ -]|^\.", re.ASCII)


def ending(name: str) -> str:
    """Return the ending of a name with its dot, such as `.wav`; empty if there is none."""
    found = _ENDING.search(name)
    return "" if found is None else found[0]


def harmless(name: str) -> str:
    """Return a name that a file of ours can have."""
    return _ODD.sub("_", name[-NAME_BYTES:]) or "file"


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
