"""Say when each place of a segment's text is spoken: by the times of its words, or by the length of the text. Pure.

    text    "Well, yes — we did."          a place between two known ones is spoken at its share of the time
    words    Well    yes    we did         those that are found in the text, in its order, at times that only grow

Punctuation and capitals can differ between the text and its words. A word that is not found, or whose times cannot be,
is left out. Times are milliseconds.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from receiver.transcripts.lines import clean, is_spaceless, width
from receiver.transcripts.model import Segment, Word

LONGEST_SECONDS = 9999 * 3600  # parsers limit the number of digits of the hours
SPOKEN_MILLISECONDS = 65  # a column of text, where nothing says how long it took
FASTEST_MILLISECONDS = 20  # a column: nobody speaks faster
TOLERANCE_MILLISECONDS = 500  # by which words stand outside their bounds, where times were rounded
UNTIMED = 2  # places of a text of which only the beginning and the end have times
NEAR, FAR = 48, 400  # characters in which the next word is looked for, and after how many words were not found


@dataclass(frozen=True, slots=True)
class Stretch:
    """A text that one person speaks.

    Attributes:
        text: clean, and not empty.
        speaker: clean; empty if unknown.
        offset: where it begins in the text of its segment.
        places: those in that text whose times are known. A word's end can be the next one's start, so they repeat.
        times: when these are spoken, in milliseconds; they never fall.
    """

    text: str
    speaker: str
    offset: int
    places: Sequence[int]
    times: Sequence[int]

    @property
    def start(self) -> int:
        """When it begins."""
        return self.begins(0)

    @property
    def end(self) -> int:
        """When it has ended."""
        return self.ends(len(self.text))

    def begins(self, place: int) -> int:
        """Return when what begins at a place of the text is spoken."""
        place += self.offset
        before = bisect_right(self.places, place) - 1
        return self.times[before] if self.places[before] == place else self._between(place, before)

    def ends(self, place: int) -> int:
        """Return when what ends at a place of the text was spoken."""
        place += self.offset
        after = bisect_left(self.places, place)
        return self.times[after] if self.places[after] == place else self._between(place, after - 1)

    def _between(self, place: int, before: int) -> int:
        first, last = self.places[before], self.places[before + 1]
        begun, ended = self.times[before], self.times[before + 1]
        return begun + (ended - begun) * (place - first) // (last - first)


def milliseconds(seconds: float) -> int:
    """Return a time that can be written: not before the beginning, and not after `LONGEST_SECONDS`."""
    # The order matters: compared with NaN, `min` and `max` keep their first argument, so NaN becomes 0.
    return round(max(0.0, min(seconds, LONGEST_SECONDS)) * 1000)


def stretches(segment: Segment, following: Segment | None) -> list[Stretch]:
    """Return what a segment says, a stretch for each speaker in turn; nothing if it says nothing.

    `following` is the segment after it: a segment whose end cannot be true has ended when that begins.
    """
    text = clean(segment.text)
    if not text:
        return []
    found = list(_found(text, segment.words))
    start, end = _bounds(segment, following, width(text))
    places, times = [0], [start]
    for at, ended, word in found:
        if (timed := _timed(word, times[-1], end)) is not None:
            places += (at, ended)
            times += timed
    places.append(len(text))
    times.append(end)
    turns = _turns(text, clean(segment.speaker or ""), found)
    return [Stretch(said, who, at, places, times) for who, at, said in turns]


def _bounds(segment: Segment, following: Segment | None, columns: int) -> tuple[int, int]:
    """Return when a segment begins and ends. Where nobody could say the text in that time, its length says when."""
    start, end = milliseconds(segment.start_seconds), milliseconds(segment.end_seconds)
    if end - start >= max(1, columns * FASTEST_MILLISECONDS):
        return start, end
    likely = start + columns * SPOKEN_MILLISECONDS
    beginning = 0 if following is None else milliseconds(following.start_seconds)
    return start, max(start + 1, end, likely if beginning <= start else min(likely, beginning))


def _timed(word: Word, earliest: int, latest: int) -> tuple[int, int] | None:
    """Return when a word is said, within the bounds of its place; None if its times cannot be true."""
    if not word.start_seconds < word.end_seconds:  # NaN is neither
        return None
    start, end = milliseconds(word.start_seconds), milliseconds(word.end_seconds)
    if start < earliest - TOLERANCE_MILLISECONDS or end > latest + TOLERANCE_MILLISECONDS:
        return None
    start, end = max(start, earliest), min(end, latest)
    return (start, end) if start < end else None


def _found(text: str, words: Sequence[Word]) -> Iterator[tuple[int, int, Word]]:
    """Yield where words stand in the text, with the marks around them. The time grows with their number alone."""
    lowered, place, missed = _lowered(text), 0, 0
    for word in words:
        ended, core = place, _core(clean(_lowered(word.text)))
        at = lowered.find(core, place, place + len(core) + min(FAR, NEAR + 2 * missed)) if core else -1
        if at < 0 or not _is_there(lowered, place, at, core):
            missed += len(core) + 1
            continue
        begun, place, missed = at, at + len(core), 0
        while begun and _is_mark(text[begun - 1]):
            begun -= 1
        while place < len(text) and _is_mark(text[place]):
            place += 1
        yield max(begun, ended), place, word


def _core(said: str) -> str:
    """Return a word without the marks around it; a word that is all marks as it is."""
    first, last = 0, len(said)
    while first < last and not said[first].isalnum():
        first += 1
    while last > first and not said[last - 1].isalnum():
        last -= 1
    return said[first:last] or said


def _is_mark(sign: str) -> bool:
    return not sign.isalnum() and not sign.isspace()


def _is_there(text: str, place: int, at: int, core: str) -> bool:
    """Whether a word stands where its letters were found: next, or at the beginning of another word."""
    if at == 0 or not text[at - 1].isalnum() or (len(core) > 1 and is_spaceless(core)):
        return True
    return not any(sign.isalnum() for sign in text[place:at])


def _lowered(text: str) -> str:
    """Return a text in small letters, in which every sign keeps its place."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(low if len(low := one.lower()) == 1 else one for one in text)


def _turns(text: str, speaker: str, found: Sequence[tuple[int, int, Word]]) -> Iterator[tuple[str, int, str]]:
    """Yield who speaks, from where in the text, and what: a turn begins with the first word of another speaker."""
    begun, whose = 0, speaker
    for at, _, word in found:
        said_by = clean(word.speaker or "") or speaker
        if said_by == whose:
            continue
        if text[begun:at].strip():
            yield whose, begun, text[begun:at].rstrip()
            begun = at
        whose = said_by
    yield whose, begun, text[begun:]
