"""Text from outside for a reader that takes everything for words: nothing in it hides or steers. Pure.

An assistant sees characters that a person does not: tags, overrides of direction, characters without width. Hidden
instructions are written with them. Each becomes an escape. Addresses lose user, password, query and fragment.
"""

import re

from receiver.logs.redaction import without_queries

MORE = "…"

# Controls but line ends and tabs, soft hyphens, fillers, marks and overrides of direction, what has no width, variation
# selectors of the higher plane, tags, private use, halves of surrogate pairs, non-characters. Joiners stay: scripts and
# emoji need them.
_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)


def spoken(text: str) -> str:
    """Return what was said, as one line."""
    return _ODD.sub(_escape, " ".join(text.split()))


def shown(text: str, most: int = 300) -> str:
    """Return a title, an error or a name as one line of at most `most` characters, with its addresses shortened."""
    line = spoken(without_queries(text))
    return line if len(line) <= most else f"{line[: most - 1]}{MORE}"


def lines(text: str) -> str:
    """Return a text of several lines."""
    return "\n".join(map(spoken, text.splitlines()))


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
