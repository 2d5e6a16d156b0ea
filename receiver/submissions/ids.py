"""The ids of submissions: they sort by time, and never look like a provider's."""

import re
import secrets
import time

PREFIX = "sub_"
# Digits and letters of one case, without those that look alike; their order is that of their codes.
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_LETTERS, CHANCE_LETTERS = 10, 16
_ID = re.compile(f"{PREFIX}[{ALPHABET}]{{{TIME_LETTERS + CHANCE_LETTERS}}}")


def new() -> str:
    """Return an id that no provider would choose. Ids sort by the millisecond of their making."""
    number = (time.time_ns() // 1_000_000 << 5 * CHANCE_LETTERS) | secrets.randbits(5 * CHANCE_LETTERS)
    letters = range(5 * (TIME_LETTERS + CHANCE_LETTERS - 1), -1, -5)
    return PREFIX + "".join(ALPHABET[number >> place & 31] for place in letters)


def is_whole(text: str) -> bool:
    """Whether a text is an id as `new` makes them."""
    return _ID.fullmatch(text) is not None


def is_id(text: str) -> bool:
    """Whether a text is meant as the id of a submission."""
    return text.startswith(PREFIX)
