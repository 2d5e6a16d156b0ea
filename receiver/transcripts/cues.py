"""Cut a transcript into cues that people can read, in time and on the screen. Pure.

    segments ─moments─▶ stretches ─joined─▶ runs ─cut where it costs least─▶ cues ─settled─▶ shown long enough

A cue has at most two lines of 42 columns, and is shown for at most seven seconds. These always hold. The rest are
wishes: a cue is a sentence, or else a clause, or else ends with a word; it is shown for at least five sixths of a
second, and so long that 20 columns a second are enough to read it; two frames are dark before the next one. The numbers
are those of the style guides that broadcasters and streaming services publish.

A run is what one person says without interruption. A sentence that the source has cut in two segments is one again. Who
speaks at the same time as others keeps this time, so cues of different runs can overlap.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from receiver.transcripts.lines import (
    LINE_WIDTH,
    Break,
    Unit,
    clean,
    ends_sentence,
    fill,
    fitting,
    is_spaceless,
    units,
    width,
)
from receiver.transcripts.model import Transcript
from receiver.transcripts.moments import UNTIMED, Stretch, milliseconds, stretches

LONGEST, SHORTEST = 7000, 833  # milliseconds for which a cue is shown
UNSURE = 2 * LONGEST  # for which it is spoken where no words have times: a sentence stays whole, and is dark at its end
GAP = 83  # milliseconds: two frames of 24 in a second
CLOSED = 500  # a shorter gap between two cues flickers: it is closed down to `GAP`
READ = 50  # milliseconds in which a column is read
JOINED = 700  # the longest pause within a sentence of two segments, in milliseconds
PAUSE, LONG_PAUSE = 300, 1000  # milliseconds that a listener notices; that a cue should not bridge
FEW = 12  # columns: so little that it looks lost unless it is a sentence

# What a way to cut costs. Only the ratios matter.
_CUE, _BRIDGED, _CROSSED, _LOST, _FLASH = 40, 50, 45, 40, 60
_DARK = 0.01  # for each millisecond
_FULL = 40 / (2 * LINE_WIDTH) ** 2  # times the square of the columns, so that the cues of a sentence are of like length
_AFTER = {Break.SENTENCE: 0, Break.CLAUSE: 25, Break.WORD: 60, Break.SHORT_WORD: 85, Break.SIGN: 75}
_WITH_PAUSE = 30


@dataclass(frozen=True, slots=True)
class Cue:
    """A text that is shown from `start` to `end`, in milliseconds.

    Attributes:
        lines: one or two, clean. They begin with `Name: ` where that was asked for.
        speaker: clean; empty if unknown.
    """

    start: int
    end: int
    lines: tuple[str, ...]
    speaker: str


@dataclass(frozen=True, slots=True)
class _Run:
    """What one person says without interruption: units with their times, which never fall.

    `is_timed` says whether words had times of their own.
    """

    speaker: str
    units: Sequence[Unit]
    starts: Sequence[int]
    ends: Sequence[int]
    is_timed: bool


def as_given(transcript: Transcript, *, named: bool) -> list[Cue]:
    """Return a cue of one line for each segment, as the source has cut them, in the order of their starts."""
    found = list[Cue]()
    for segment in transcript.segments:
        start, text, speaker = milliseconds(segment.start_seconds), clean(segment.text), clean(segment.speaker or "")
        end = max(milliseconds(segment.end_seconds), start + 1)  # a cue without length is never shown
        if text:
            found.append(Cue(start, end, (f"{speaker}: {text}" if named and speaker else text,), speaker))
    return sorted(found, key=lambda cue: cue.start)


def readable(transcript: Transcript, *, named: bool) -> list[Cue]:
    """Return cues that people can read, in the order of their starts.

    With `named`, a cue says who speaks where that changes; where several speak at once, every cue says it.
    """
    found, before = list[Cue](), ""
    runs = sorted(_runs(transcript), key=lambda run: run.starts[0])
    for run, is_crossed in zip(runs, _crossed(runs), strict=True):
        is_said = named and run.speaker and (is_crossed or run.speaker != before)
        label = f"{fitting(run.speaker, LINE_WIDTH - 1)}:" if is_said else ""
        found += _cues(run, label, every=is_crossed)
        before = run.speaker
    return _settled(sorted(found, key=lambda cue: cue.start))


# --- runs ------------------------------------------------------------------------------------------------------------


def _runs(transcript: Transcript) -> Iterator[_Run]:
    run: list[Stretch] = []
    for segment, following in zip(transcript.segments, [*transcript.segments[1:], None], strict=False):
        for stretch in stretches(segment, following):
            if run and not _goes_on(run[-1], stretch):
                yield _run(run)
                run = []
            run.append(stretch)
    if run:
        yield _run(run)


def _goes_on(stretch: Stretch, following: Stretch) -> bool:
    """Whether a stretch goes on in the next one: the same person has not ended the sentence."""
    is_near = 0 <= following.start - stretch.end <= JOINED
    return is_near and stretch.speaker == following.speaker and not ends_sentence(stretch.text, following.text)


def _run(joined: Sequence[Stretch]) -> _Run:
    text, begun = "", list[int]()
    for stretch in joined:
        text += " " if text and not (is_spaceless(text[-1]) and is_spaceless(stretch.text[0])) else ""
        begun.append(len(text))
        text += stretch.text
    known = {at + place - stretch.offset for at, stretch in zip(begun, joined, strict=True) for place in stretch.places}
    found, starts, ends = list[Unit](), list[int](), list[int]()
    for unit in units(text):
        first, last = bisect_right(begun, unit.at) - 1, bisect_right(begun, unit.end - 1) - 1
        starts.append(joined[first].begins(unit.at - begun[first]))
        ends.append(joined[last].ends(unit.end - begun[last]))
        is_word = unit.after is Break.SIGN and unit.end in known  # the source says that a word ends here
        found.append(replace(unit, after=Break.WORD) if is_word else unit)
    return _Run(joined[0].speaker, found, starts, ends, all(len(stretch.places) > UNTIMED for stretch in joined))


def _crossed(runs: Sequence[_Run]) -> list[bool]:
    """Return of each run, in the order of their starts, whether another one is spoken at the same time."""
    found, latest = [False] * len(runs), 0
    for number, run in enumerate(runs):
        if number and run.starts[0] < runs[latest].ends[-1]:
            found[number] = found[latest] = True
        if run.ends[-1] >= runs[latest].ends[-1]:
            latest = number
    return found


# --- cutting ---------------------------------------------------------------------------------------------------------


def _cues(run: _Run, label: str, *, every: bool) -> Iterator[Cue]:
    """Yield the cues of a run; the first one begins with the label, or every one."""
    shown = 0
    for first, last in pairwise(_cuts(run, width(label), every=every)):
        said = label if every or first == 0 else ""
        start = max(shown, run.starts[first])
        shown = max(start + 1, run.ends[last - 1])
        yield Cue(start, shown, fill(said, run.units[first:last]), run.speaker)


def _cuts(run: _Run, label: int, *, every: bool) -> list[int]:
    """Return where the cues of a run begin, and its end, at the least cost. The time grows with its length alone.

    `label` is how wide the label of the first cue is, or of every one; 0 if there is none.
    """
    count, reach, weigh = len(run.units), _reach(run, label, every=every), _weighing(run)
    longest = LONGEST if run.is_timed else UNSURE
    least, origin = [0.0, *[float("inf")] * count], [0] * (count + 1)
    for first in range(count):
        for last in range(first + 1, reach[first] + 1):
            if last > first + 1 and run.ends[last - 1] - run.starts[first] > longest:
                break
            cost = least[first] + weigh(first, last)
            if cost < least[last]:
                least[last], origin[last] = cost, first
    cuts = [count]
    while cuts[-1]:
        cuts.append(origin[cuts[-1]])
    return cuts[::-1]


def _reach(run: _Run, label: int, *, every: bool) -> list[int]:
    """Return of each unit up to which one two lines can hold what begins with it."""
    columns = [0, *accumulate(len(unit.space) + unit.width for unit in run.units)]

    def line(first: int, room: int) -> int:
        if first == len(run.units):
            return first
        return bisect_right(columns, columns[first] + len(run.units[first].space) + room) - 1

    firsts = range(len(run.units))
    rooms = (LINE_WIDTH - (label + 1 if label and (every or first == 0) else 0) for first in firsts)
    return [line(max(first, line(first, room)), LINE_WIDTH) for first, room in zip(firsts, rooms, strict=True)]


def _weighing(run: _Run) -> Callable[[int, int], float]:
    """Return what a cue costs that begins with a unit and ends before another one."""
    starts, ends, after = run.starts, run.ends, [_AFTER[unit.after] for unit in run.units]
    columns = [0, *accumulate(len(unit.space) + unit.width for unit in run.units)]
    pauses = [following - ended for following, ended in zip(starts[1:], ends, strict=False)]
    for number, pause in enumerate(pauses):
        after[number] = 0 if pause >= LONG_PAUSE else max(0, after[number] - (_WITH_PAUSE if pause >= PAUSE else 0))
    is_end = [unit.after is Break.SENTENCE for unit in run.units]
    is_end[-1], after[-1] = True, 0
    inside = [is_ending * _CROSSED for is_ending in is_end]
    for number, pause in enumerate(pauses):
        inside[number] += _BRIDGED if pause >= LONG_PAUSE else 0
    before = [0, *accumulate(inside)]
    ending = [0, *(_CUE + cost + crossed for cost, crossed in zip(after, before, strict=False))]
    until = [*starts, ends[-1] + SHORTEST]

    def weigh(first: int, last: int) -> float:
        wide = columns[last] - columns[first]
        cost = ending[last] - before[first] + _FULL * wide * wide
        cost += _DARK * max(0, ends[last - 1] - starts[first] - LONGEST)
        if wide <= FEW and not (is_end[last - 1] and (first == 0 or is_end[first - 1])):
            cost += _LOST
        return cost + _FLASH if until[last] - starts[first] < SHORTEST else cost

    return weigh


# --- settling --------------------------------------------------------------------------------------------------------


def _settled(found: Sequence[Cue]) -> list[Cue]:
    """Return cues, in the order of their starts, each shown long enough to be read where the next one allows it."""
    settled = list[Cue]()
    for cue, following in zip(found, [*found[1:], None], strict=False):
        columns = sum(map(width, cue.lines))
        wished = max(cue.end, cue.start + max(SHORTEST, columns * READ))
        if following is not None and following.start < cue.end:
            wished = cue.end  # people speak at once
        elif following is not None:
            dark = following.start - GAP
            is_flicker = following.start - wished < CLOSED
            wished = dark if is_flicker and dark - cue.start >= min(SHORTEST, cue.end - cue.start) else wished
            wished = min(wished, max(following.start, cue.end))
        settled.append(replace(cue, end=min(wished, cue.start + LONGEST)))
    return settled
