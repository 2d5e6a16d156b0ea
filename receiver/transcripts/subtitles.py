"""Write a transcript as subtitles, in the two formats of players and platforms: SubRip and WebVTT. Pure.

Both formats consist of blocks. A blank line ends a block, and `-->` marks the line with its times:

    1                                       WEBVTT
    00:00:00,000 --> 00:00:04,210
    Ada: Fish & chips.                      00:00:00.000 --> 00:00:04.210
                                            <v Ada>Fish &amp; chips.

So the spoken text must contain neither a blank line nor an arrow. It is put on one line, without control characters.
WebVTT has escapes for its markup. SubRip has none, so there an arrow becomes `→`. WebVTT demands cues in the order of
their starts. In both formats cues can overlap, because people talk at the same time.
"""

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from receiver.transcripts.model import Segment, Transcript

LONGEST_SECONDS = 9999 * 3600  # parsers limit the number of digits of the hours

# Not every white space: a no-break space (before a French question mark) and an ideographic space are deliberate.
_BREAKS = re.compile(r"[\t-\r\x1c-\x1f \x85\u2028\u2029]+")
_ARROW = re.compile("-{2,}>")
_UNWRITABLE = frozenset({"Cc", "Cs"})  # control characters, and halves of surrogate pairs, which UTF-8 cannot write


@dataclass(frozen=True, slots=True)
class _Cue:
    """A text shown from `start` to `end`, in milliseconds. `text` and `speaker` are one clean line each."""

    start: int
    end: int
    text: str
    speaker: str


def srt(transcript: Transcript) -> str:
    """Return the transcript as SubRip, with `Name: ` before the text of a known speaker; "" if nothing is said."""
    return "\n".join(
        f"{number}\n{_times(cue, ',')}\n{_arrowless(f'{cue.speaker}: ' if cue.speaker else '')}{_arrowless(cue.text)}\n"
        for number, cue in enumerate(_cues(transcript), start=1)
    )


def vtt(transcript: Transcript) -> str:
    """Return the transcript as WebVTT, with a known speaker as the cue's voice; the header alone if nothing is said."""
    cues = (f"\n{_times(cue, '.')}\n{_voice(cue.speaker)}{_escaped(cue.text)}\n" for cue in _cues(transcript))
    return "".join(("WEBVTT\n", *cues))


def _cues(transcript: Transcript) -> Iterator[_Cue]:
    cues = (_cue(segment) for segment in transcript.segments)
    return iter(sorted((cue for cue in cues if cue.text), key=lambda cue: cue.start))


def _cue(segment: Segment) -> _Cue:
    start = _milliseconds(segment.start_seconds)
    end = max(_milliseconds(segment.end_seconds), start + 1)  # a cue without length is never shown
    return _Cue(start, end, _line(segment.text), _line(segment.speaker or ""))


def _milliseconds(seconds: float) -> int:
    # The order matters: compared with NaN, `min` and `max` keep their first argument, so NaN becomes 0.
    return round(max(0.0, min(seconds, LONGEST_SECONDS)) * 1000)


def _line(text: str) -> str:
    spaced = _BREAKS.sub(" ", text)
    kept = "".join(sign for sign in spaced if unicodedata.category(sign) not in _UNWRITABLE)
    return _BREAKS.sub(" ", kept).strip()  # again, because a removed character can leave two spaces


def _times(cue: _Cue, point: str) -> str:
    return f"{_time(cue.start, point)} --> {_time(cue.end, point)}"


def _time(milliseconds: int, point: str) -> str:
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02}:{minute:02}:{second:02}{point}{fraction:03}"


def _arrowless(line: str) -> str:
    return _ARROW.sub("→", line)


def _escaped(line: str) -> str:
    return html.escape(line, quote=False)


def _voice(speaker: str) -> str:
    # The end tag is optional if one voice says the whole cue.
    return f"<v {_escaped(speaker)}>" if speaker else ""
