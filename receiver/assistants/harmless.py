"""Text from outside for a reader that takes everything for words: nothing in it hides or steers. Pure.

An assistant sees characters that a person does not: tags, overrides of direction, characters without width. Hidden
instructions are written with them. Each becomes an escape. Addresses lose user, password, query and fragment.
"""

import re

from receiver.logs.redaction import without_queries
from receiver.logs.unseen import EMOJI, JOINERS, UNSEEN

MORE = "…"

# What can stand before and after a joiner. Between letters of ASCII none has a meaning, and neither has a second one: a
# run of them is a text in bits. Some scripts end a word with one, after the mark that takes a vowel away.
_VISIBLE = rf"[^\x00-\x7f\s{UNSEEN}{JOINERS}{EMOJI}]"
_VIRAMA = "[\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca]"
_ODD = re.compile(
    f"[{UNSEEN}]|(?<!{_VISIBLE})(?<!{_VISIBLE}{EMOJI})[{JOINERS}]|(?<!{_VIRAMA})[{JOINERS}](?!{_VISIBLE})"
    f"|(?<!{_VISIBLE})(?<![0-9#*]){EMOJI}"
)


def spoken(text: str) -> str:
    """Return what was said, as one line."""
    return _ODD.sub(_escape, " ".join(text.split()))


def shown(text: str, most: int = 300) -> str:
    """Return a title, an error or a name as one line of at most `most` characters, with its addresses shortened."""
    line = spoken(without_queries(text))
    return line if len(line) <= most else f"{line[: most - 1]}{MORE}"


def shown_or_none(text: str | None, most: int = 300) -> str | None:
    """Return what `shown` does of a text; None if there is none."""
    return None if text is None else shown(text, most)


def lines(text: str) -> str:
    """Return a text of several lines."""
    return "\n".join(map(spoken, text.splitlines()))


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
