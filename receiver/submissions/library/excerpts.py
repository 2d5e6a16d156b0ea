"""The part of a passage that shows the words, which are marked, and the moment at which they were said. Pure."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

# No text has them: what is said has no control characters. OPENING stands for `<` in what PostgreSQL marks: it takes
# what stands behind a `<` for a tag, finds no words in that, and leaves it out of what it returns.
BEGIN, END, OPENING = "\x02", "\x03", "\x04"
BEFORE_CHARACTERS = 80  # the first marked word
MOST_CHARACTERS = 300
MORE = "…"


class Part(NamedTuple):
    """A part of an excerpt: plain, or one of the words that were searched for."""

    text: str
    is_marked: bool


def marked(text: str, terms: Sequence[str]) -> str:
    """Return a text in which each of the terms stands between marks, in capitals or not."""
    wanted = "|".join(map(re.escape, sorted(terms, key=len, reverse=True)))
    return re.sub(wanted, lambda found: f"{BEGIN}{found[0]}{END}", text, flags=re.IGNORECASE) if wanted else text


def parts(text: str) -> list[Part]:
    """Return the parts of a marked text."""
    found = list[Part]()
    for number, piece in enumerate(re.split(f"[{BEGIN}{END}]", text.replace(OPENING, "<"))):
        if piece:
            found.append(Part(piece, number % 2 == 1))
    return found


def excerpt(whole: Sequence[Part]) -> list[Part]:
    """Return some parts around the first marked one."""
    first = _before_mark(whole)
    text = "".join(part.text for part in whole)
    begin = 0 if first <= BEFORE_CHARACTERS else _after_space(text, first - BEFORE_CHARACTERS, first)
    end = min(len(text), begin + MOST_CHARACTERS)
    if end < len(text):
        end = max(text.rfind(" ", first + 1, end), begin + MOST_CHARACTERS // 2)
    found, at = [Part(MORE, is_marked=False)] if begin else [], 0
    for part in whole:
        shown = part.text[max(0, begin - at) : max(0, end - at)]
        at += len(part.text)
        if shown:
            found.append(Part(shown, part.is_marked))
    return [*found, Part(MORE, is_marked=False)] if end < len(text) else found


def moment(whole: Sequence[Part], starts: Sequence[tuple[int, float]], otherwise: float) -> float:
    """Return when the segment with the first marked word begins, in seconds."""
    at = bisect_right([offset for offset, _ in starts], _before_mark(whole)) - 1
    return starts[at][1] if 0 <= at < len(starts) else otherwise


def _before_mark(whole: Sequence[Part]) -> int:
    """Return how many characters stand before the first marked part; 0 if none is marked."""
    at = 0
    for part in whole:
        if part.is_marked:
            return at
        at += len(part.text)
    return 0


def _after_space(text: str, begin: int, end: int) -> int:
    """Return where the first word behind `begin` begins; `begin` itself if there is no space before `end`."""
    at = text.find(" ", begin, end)
    return begin if at < 0 else at + 1
