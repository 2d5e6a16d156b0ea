"""Write and read subtitles, in the two formats of players and platforms: SubRip and WebVTT. Pure.

Both formats consist of blocks. A blank line ends a block, and `-->` marks the line with its times:

    1                                       WEBVTT
    00:00:00,000 --> 00:00:04,210
    Ada: Fish & chips.                      00:00:00.000 --> 00:00:04.210
                                            <v Ada>Fish &amp; chips.

Writing: the spoken text must contain neither a blank line nor an arrow. It is put on one line, without control
characters. WebVTT has escapes for its markup. SubRip has none, so there an arrow becomes `→`. WebVTT demands cues in
the order of their starts. In both formats cues can overlap, because people talk at the same time.

Reading: nothing is refused, because many files break the rules. A cue begins at a line with times, and ends before the
next one. What stands between is its text, but for the number of the next cue and, in WebVTT, what follows a blank line:
identifiers, notes and styles stand there. A cue without text is left out. The time for reading grows with the size.
"""

import codecs
import html
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from receiver.transcripts.model import Segment, Transcript

LONGEST_SECONDS = 9999 * 3600  # parsers limit the number of digits of the hours

# Not every white space: a no-break space (before a French question mark) and an ideographic space are deliberate.
_BREAKS = re.compile(r"[\t-\r\x1c-\x1f \x85\u2028\u2029]+")
_ARROW = re.compile("-{2,}>")
# Hours and the fraction can be missing. The numbers are bounded, because Python refuses to read endless ones.
_TIME = r"(-?)(?:([0-9]{1,9}):)?([0-9]{1,9}):([0-9]{1,9}(?:[.,][0-9]{0,9})?)"
_TIMES = re.compile(rf"[ \t]*{_TIME}[ \t]*-{{2,}}>[ \t]*{_TIME}(?:[ \t].*)?")  # the rest is where to show the text
_TAG = re.compile("<([^<>]*)>")
_ESCAPE = re.compile("&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z0-9]{2,31});")
_LABELLED = re.compile(r"(?:\[([^\[\]]{1,60})\]:? ?|([^\[\]:]{1,60}): )(\S.*)")
_NUMBERED = re.compile(r"(?:speaker|spk)[ _-]?[0-9a-z]{1,3}", re.IGNORECASE)
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


# --- reading ---------------------------------------------------------------------------------------------------------


def read_srt(raw: bytes, *, speakers: bool = False) -> Transcript:
    """Return the cues of a SubRip file as segments, in the file's order.

    The text is taken as it is: `Ada: Yes.`. With `speakers` what stands before it is who speaks: `Ada: `, `[Ada] `.
    SubRip has no rule for that. So a name must stand before every text, or else it is as good as a number: `Speaker 1`.
    """
    cues = ((start, end, _line(" ".join(lines))) for start, end, lines in _read_cues(raw))
    segments = [Segment(start, end, text) for start, end, text in cues if text]
    return Transcript(tuple(_with_speakers(segments) if speakers else segments))


def _with_speakers(segments: Sequence[Segment]) -> Iterator[Segment]:
    labelled = [_LABELLED.fullmatch(segment.text) for segment in segments]
    all_are = all(labelled)
    for segment, label in zip(segments, labelled, strict=True):
        name = "" if label is None else (label[1] or label[2]).strip()
        if label is not None and name and (all_are or _NUMBERED.fullmatch(name)):
            yield replace(segment, speaker=name, text=label[3])
        else:
            yield segment


def read_vtt(raw: bytes) -> Transcript:
    """Return the cues of a WebVTT file as segments, in the file's order: one segment for each voice of a cue.

    The speaker is the voice that the file names: `<v Ada>`. Other markup is dropped.
    """
    segments: list[Segment] = []
    for start, end, lines in _read_cues(raw):
        blank = next((number for number, line in enumerate(lines) if not line.strip()), len(lines))
        turns = _turns(" ".join(lines[:blank]))
        segments += (Segment(start, end, text, speaker or None) for speaker, text in turns if text)
    return Transcript(tuple(segments))


def _read_cues(raw: bytes) -> Iterator[tuple[float, float, Sequence[str]]]:
    """Yield start and end of each cue, in seconds, and the lines up to the next cue."""
    lines = _decoded(raw).replace("\r\r\n", "\n").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = [(place, times) for place, line in enumerate(lines) if (times := _TIMES.fullmatch(line))]
    are_numbered = bool(found) and _is_number(lines, found[0][0] - 1)
    ends = [*(place for place, _ in found), len(lines)][1:]
    for (place, times), after in zip(found, ends, strict=True):
        has_number = after < len(lines) and _is_number(lines, after - 1)
        # In a file without numbers and blank lines, this one is spoken.
        end = after - 1 if has_number and (are_numbered or not lines[after - 2].strip()) else after
        start_seconds, end_seconds = _seconds(*times.groups()[:4]), _seconds(*times.groups()[4:])
        yield start_seconds, max(start_seconds, end_seconds), lines[place + 1 : end]


def _decoded(raw: bytes) -> str:
    """Return the text of a file. A byte that is not text spoils only itself."""
    is_utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return raw.decode("utf-16" if is_utf16 else "utf-8-sig", "replace")


def _is_number(lines: Sequence[str], place: int) -> bool:
    line = lines[place].strip() if place >= 0 else ""
    return line.isascii() and line.isdecimal()


def _seconds(minus: str, hours: str | None, minutes: str, seconds: str) -> float:
    whole, _, fraction = seconds.replace(",", ".").partition(".")
    if minus:
        return 0.0
    return float(f"{int(hours or 0) * 3600 + int(minutes) * 60 + int(whole)}.{fraction}")


def _turns(text: str) -> Iterator[tuple[str, str]]:
    """Yield the speaker and the text of each voice of a cue; the speaker is empty if the file does not name one."""
    first, *rest = _TAG.split(text)
    speaker, said = "", [first]
    for tag, after in zip(rest[::2], rest[1::2], strict=True):
        name, _, annotation = _BREAKS.sub(" ", tag).partition(" ")
        if name.partition(".")[0] in ("v", "/v"):  # `v.loud` is a voice with a style
            yield speaker, _line(_unescaped("".join(said)))
            speaker, said = _line(_unescaped(annotation)), []
        said.append(after)
    yield speaker, _line(_unescaped("".join(said)))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda escape: html.unescape(escape[0]), text)
