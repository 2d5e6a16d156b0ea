"""Characters that show nothing, or turn what is around them: texts hide in them, and two names look alike. Pure.

Joiners, and the sign that asks for an emoji, show nothing either. Scripts and emoji need them, so they are apart.
"""

import re

JOINERS = "\u200c\u200d"
EMOJI = "\ufe0f"

# For a class of a regular expression.
UNSEEN = "".join((
    "\x00-\x08\x0b-\x1f\x7f-\x9f",  # controls, but line ends and tabs
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164",
    "\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffc",  # without width, fillers, blanks, marks and overrides of direction
    "\U00013430-\U0001343f\U00016fe4\U0001bca0-\U0001bca3\U0001d159\U0001d173-\U0001d17a",  # the same of rare scripts
    "\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff",  # halves of pairs, private use, non-characters
    *(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0x10000, 0xE0000, 0x10000)),
    "\U000e0000-\U0010ffff",  # tags, variation selectors, private use
))  # fmt: skip

_UNSEEN = re.compile(f"[{UNSEEN}{JOINERS}{EMOJI}]")


def is_unseen(sign: str) -> bool:
    """Whether a character shows nothing by itself."""
    return _UNSEEN.match(sign) is not None
