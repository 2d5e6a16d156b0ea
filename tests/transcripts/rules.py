"""The rules of readable subtitles, as a checker of files. It knows nothing of how cues are made."""

import unicodedata
from datetime import timedelta
from itertools import pairwise
from typing import NamedTuple

import srt  # type: ignore[import-untyped]  # it has neither types nor stubs

FRAMES = timedelta(milliseconds=83)  # two of 24 in a second
LONGEST, SHORTEST = timedelta(seconds=7), timedelta(milliseconds=833)


class Shown(NamedTuple):
    """A cue of a file."""

    start: timedelta
    end: timedelta
    lines: list[str]


def columns(line: str) -> int:
    """Return the columns that a terminal or a player with fixed letters needs."""
    wide = sum(unicodedata.east_asian_width(sign) in ("W", "F") for sign in line)
    none = sum(unicodedata.category(sign) in ("Mn", "Me", "Cf") for sign in line)
    return len(line) + wide - none


def shown(text: str) -> list[Shown]:
    """Return the cues of a SubRip file, as a parser of others reads them."""
    return [Shown(cue.start, cue.end, cue.content.split("\n")) for cue in srt.parse(text)]


def broken(cues: list[Shown]) -> list[str]:
    """Return what breaks the rules that hold for every transcript, however it looks."""
    found = [f"{cue}: {len(cue.lines)} lines" for cue in cues if not 1 <= len(cue.lines) <= 2]
    found += [f"{cue}: {columns(line)} columns" for cue in cues for line in cue.lines if columns(line) > 42]
    found += [f"{cue}: an empty line" for cue in cues for line in cue.lines if not line.strip()]
    found += [f"{cue}: {cue.end - cue.start}" for cue in cues if not timedelta() < cue.end - cue.start <= LONGEST]
    found += [f"{cue}: from before the start" for cue in cues if cue.start < timedelta()]
    return found + [f"{one} after {two}" for one, two in pairwise(cues) if one.start > two.start]


def unwished(cues: list[Shown]) -> list[str]:
    """Return what breaks the wishes, which hold where people speak one after the other, and not too fast."""
    found = [f"{one} and {two}: {two.start - one.end}" for one, two in pairwise(cues) if two.start - one.end < FRAMES]
    found += [f"{cue}: {cue.end - cue.start}" for cue in cues if cue.end - cue.start < SHORTEST]
    return found + [f"{cue}: {rate(cue):.0f} columns a second" for cue in cues if rate(cue) > 20]


def rate(cue: Shown) -> float:
    """Return the columns in a second that a cue wants to be read."""
    return sum(map(columns, cue.lines)) / (cue.end - cue.start).total_seconds()
