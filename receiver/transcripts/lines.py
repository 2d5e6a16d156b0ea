"""Clean a spoken text, find where it can be broken, and put a cue's text on its lines. Pure.

    "Wait, Dr. Ada! 待って、エイダ。"  ─units─▶  Wait, | Dr. | Ada! | 待 | っ | て、 | エ | イ | ダ。

A unit is what one line holds whole: a word with its punctuation. In scripts without spaces (Chinese, Japanese, Thai, …)
it is a sign with what must not leave it. A word that is longer than a line becomes several units.

Widths count columns: East Asian wide signs are two wide, and combining marks nothing.
"""

# ruff: noqa: RUF001 - marks of many scripts are meant as they are

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import zip_longest

LINE_WIDTH = 42  # columns, as the style guides of broadcasters and streaming services have it

# Not every white space: a no-break space (before a French question mark) and an ideographic space are deliberate.
BREAKS = re.compile(r"[\t-\r\x1c-\x1f \x85\u2028\u2029]+")
_UNWRITABLE = frozenset({"Cc", "Cs"})  # control characters, and halves of surrogate pairs, which UTF-8 cannot write
# A word with the marks that stay beside it, although some languages put a space between.
_WORD = re.compile(r"(?:[«“‘‹(\[{¿¡] )?\S+(?:[\u00a0\u2007\u202f]+\S+)*(?: [»”’›)\]}?!:;.…%]{1,3}(?= |$)){0,3}")
_SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u312f"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)  # Thai, Lao, Burmese, Khmer, Han, kana
# No line begins with these: closing marks, small kana, marks of length and repetition, vowels that follow.
_NEVER_FIRST = frozenset(
    ",.:;!?%)]}»’”…、。，．：；！？％）］｝〉》」』】〕〗〙・ー々〻ゝゞヽヾ～〜‐゛゜"
    "ぁぃぅぇぉっゃゅょゎゕゖァィゥェォッャュョヮヵヶㇰㇱㇲㇳㇴㇵㇶㇷㇸㇹㇺㇻㇼㇽㇾㇿ"
    "｡､･｣ｧｨｩｪｫｬｭｮｯｰﾞﾟฯะำาๅๆຯະຳາໆ။၊។៕\u200d"
)
_NEVER_LAST = frozenset("([{«‘“（［｛〈《「『【〔〖〘｢＄￥￡$£€¥#＃เแโใไເແໂໃໄ\u1039\u17d2\u200d")
_MARKS = frozenset({"Mn", "Mc", "Me"})
_CLOSING = "\"'»’”)]}）］｝〉》」』】〕｣"
_OPENING = "\"'«‘“([{（［｛〈《「『【〔｢¿¡–—-"
_SENTENCE, _CLAUSE = ".!?…‥。！？．｡؟۔।॥။។៕՞։", ",;:،؛、，；：､၊–—"
_ABBREVIATIONS = frozenset({
    "mr.", "mrs.", "ms.", "dr.", "prof.", "st.", "vs.", "e.g.", "i.e.", "jr.", "sr.", "hr.", "fr.", "nr.", "bzw.",
    "z.b.", "d.h.", "u.a.", "ca.", "mme.", "sra.",
})  # fmt: skip
_WIDE_ENDS = frozenset(sign for sign in _SENTENCE + _CLAUSE if not sign.isascii())
_SHORT = 3  # letters: an article, a preposition; it belongs to what follows


class Break(IntEnum):
    """How well a text can be broken after a unit: the higher, the worse."""

    SENTENCE = 0
    CLAUSE = 1
    WORD = 2
    SHORT_WORD = 3
    SIGN = 4


@dataclass(frozen=True, slots=True)
class Unit:
    """A part of a text that stays on one line.

    Attributes:
        at: where it begins in the text.
        text: what it says.
        width: its columns, at most `LINE_WIDTH`.
        space: what stands before it, unless it is the first of a line.
        after: how well the text can be broken after it.
    """

    at: int
    text: str
    width: int
    space: str
    after: Break

    @property
    def end(self) -> int:
        """Where it ends in the text."""
        return self.at + len(self.text)


def clean(text: str) -> str:
    """Return a text on one line, without control characters."""
    spaced = BREAKS.sub(" ", text)
    if spaced.isprintable():  # nothing is unwritable, at a tenth of the price
        return spaced.strip()
    kept = "".join(sign for sign in spaced if unicodedata.category(sign) not in _UNWRITABLE)
    return BREAKS.sub(" ", kept).strip()  # again, because a removed character can leave two spaces


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def fitting(text: str, columns: int) -> str:
    """Return a text, or its beginning with `…` if it is wider than that."""
    if width(text) <= columns:
        return text
    room, kept = columns - 1, list[str]()
    for sign in text:
        room -= _columns(sign)
        if room < 0:
            break
        kept.append(sign)
    return f"{''.join(kept).rstrip()}…"


def is_spaceless(sign: str) -> bool:
    """Whether a script writes this sign without spaces between words."""
    return _SPACELESS.match(sign) is not None


def ends_sentence(text: str, following: str) -> bool:
    """Whether a clean text ends a sentence before another one goes on."""
    return _between(text.rsplit(None, 1)[-1], following) is Break.SENTENCE


def units(text: str) -> list[Unit]:
    """Return the units of a clean text, in its order."""
    found, ended = list[Unit](), 0
    words = list(_WORD.finditer(text))
    for word, following in zip_longest(words, words[1:]):
        space = text[ended : ended + 1] if ended < word.start() else ""
        ended = word.end()
        *parts, last = _parts(word[0])
        at = word.start()
        for part in parts:
            found.append(Unit(at, part, width(part), space, _inside(part)))
            at, space = at + len(part), ""
        after = _between(last, "" if following is None else following[0])
        found.append(Unit(at, last, width(last), space, after))
    return found


def joined(found: Sequence[Unit]) -> str:
    """Return the text of units that stand on one line."""
    return "".join([found[0].text, *(unit.space + unit.text for unit in found[1:])]) if found else ""


def fill(label: str, found: Sequence[Unit]) -> tuple[str, ...]:
    """Return the text of a cue as one line, or as two that break well and are of like length.

    Args:
        label: who speaks, said before the text; it can be empty.
        found: the units. They fit on two lines.
    """
    whole = " ".join(filter(None, (label, joined(found))))
    if width(whole) <= LINE_WIDTH:
        return (whole,)
    best: tuple[float, tuple[str, ...]] | None = None
    for number in range(0 if label else 1, len(found)):
        first = " ".join(filter(None, (label, joined(found[:number]))))
        second = joined(found[number:])
        top, bottom = width(first), width(second)
        if top > LINE_WIDTH:
            break
        if bottom <= LINE_WIDTH:
            worth = _WORSE[found[number - 1].after if number else Break.CLAUSE] + abs(top - bottom) + (top > bottom)
            if best is None or worth < best[0]:
                best = (worth, (first, second))
    assert best is not None, "the units do not fit on two lines"
    return best[1]


# What a break at the end of a first line costs, in columns of difference between the two.
_WORSE = {Break.SENTENCE: 0, Break.CLAUSE: 4, Break.WORD: 14, Break.SHORT_WORD: 22, Break.SIGN: 26}


def _columns(sign: str) -> int:
    if sign.isascii():
        return 1
    if unicodedata.category(sign) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def _parts(word: str) -> list[str]:
    """Return the parts of a word that a line can end with: signs of a spaceless script, or all of it."""
    parts = [word] if word.isascii() or not _SPACELESS.search(word) else list(_signs(word))
    if len(word) <= LINE_WIDTH // 2 or all(width(part) <= LINE_WIDTH for part in parts):
        return parts
    return [piece for part in parts for piece in _pieces(part)]


def _signs(word: str) -> Iterator[str]:
    begun = 0
    for place in range(1, len(word)):
        before, sign = word[place - 1], word[place]
        if not (is_spaceless(before) or is_spaceless(sign) or before in _WIDE_ENDS):
            continue
        if sign in _NEVER_FIRST or before in _NEVER_LAST or unicodedata.category(sign) in _MARKS:
            continue
        yield word[begun:place]
        begun = place
    yield word[begun:]


def _pieces(part: str) -> Iterator[str]:
    """Yield pieces no wider than a line. A sign keeps its marks; emoji that are joined stay together."""
    begun = wide = 0
    for place, sign in enumerate(part):
        wide += (columns := _columns(sign))
        is_joined = place > begun and part[place - 1] == "\u200d" and wide <= LINE_WIDTH
        if wide > LINE_WIDTH and place > begun and not is_joined:
            yield part[begun:place]
            begun, wide = place, columns
    yield part[begun:]


def _inside(part: str) -> Break:
    """Return how well a word without spaces can be broken after one of its parts."""
    ending = part.rstrip(_CLOSING)[-1:]
    if ending not in _WIDE_ENDS:
        return Break.SIGN
    return Break.SENTENCE if ending in _SENTENCE else Break.CLAUSE


def _between(part: str, following: str) -> Break:
    """Return how well a text can be broken between two words."""
    bare = part.rstrip(_CLOSING)
    ending = bare[-1:]
    if ending and ending in _SENTENCE:
        is_initial = len(bare) == 2 and ending == "." and bare[0].isupper()  # noqa: PLR2004 - a letter and its point
        if is_initial or bare.lower() in _ABBREVIATIONS:
            return Break.SHORT_WORD
        return Break.CLAUSE if following.lstrip(_OPENING)[:1].islower() else Break.SENTENCE
    if (ending and ending in _CLAUSE) or part[-1:] in set(_CLOSING) - {"'", "’"} or following[:1] in ("(", "–", "—"):
        return Break.CLAUSE
    is_short = len(bare) <= _SHORT and bare.isalpha() and not is_spaceless(bare[-1:] or " ")
    return Break.SHORT_WORD if is_short else Break.WORD
