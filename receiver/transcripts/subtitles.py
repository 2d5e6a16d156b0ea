"""Write and read subtitles, in the two formats of players and platforms: SubRip and WebVTT. Pure.

Both formats consist of blocks. A blank line ends a block, and `-->` marks the line with its times:

    1                                       WEBVTT
    00:00:00,000 --> 00:00:04,210
    Ada: Fish & chips.                      00:00:00.000 --> 00:00:04.210
                                            <v Ada>Fish &amp; chips.

Writing: the spoken text must contain neither a blank line nor an arrow. It is put on lines, without control
characters. WebVTT has escapes for its markup. SubRip has none, so there an arrow becomes `→`. WebVTT demands cues in
the order of their starts. In both formats cues can overlap, because people talk at the same time.

Reading: nothing is refused, because many files break the rules. A cue begins at a line with times, and ends before the
next one. What stands between is its text, but for the number of the next cue and, in WebVTT, what follows a blank line:
identifiers, notes and styles stand there. A cue without text is left out. The time for reading grows with the size.
"""

import codecs
import html
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from receiver.errors import ImpossibleError
from receiver.transcripts.cues import Cue, as_given, readable
from receiver.transcripts.lines import BREAKS, clean
from receiver.transcripts.model import Segment, Transcript

_ARROW = re.compile("-{2,}>")
# Hours and the fraction can be missing. The numbers are bounded, because Python refuses to read endless ones.
_TIME = r"(-?)(?:([0-9]{1,9}):)?([0-9]{1,9}):([0-9]{1,9}(?:[.,][0-9]{0,9})?)"
_TIMES = re.compile(rf"[ \t]*{_TIME}[ \t]*-{{2,}}>[ \t]*{_TIME}(?:[ \t].*)?")  # the rest is where to show the text
_TAG = re.compile("<([^<>]*)>")
_ESCAPE = re.compile("&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z0-9]{2,31});")
_LABELLED = re.compile(r"(?:\[([^\[\]]{1,60})\]:? ?|([^\[\]:]{1,60}): )(\S.*)")
_NUMBERED = re.compile(r"(?:speaker|spk)[ _-]?[0-9a-z]{1,3}", re.IGNORECASE)


def srt(transcript: Transcript, *, cues: str | None = None) -> str:
    """Return the transcript as SubRip; "" if nothing is said.

    Args:
        transcript: what is said. `Name: ` stands before the text of a known speaker.
        cues: `readable` ones, of at most two lines and seven seconds, which name a speaker where that changes. They are
            the default. Or those of the `provider`: a cue of one line for each segment, which always names the speaker.

    Raises:
        ImpossibleError: there are no such cues.
    """
    return "\n".join(
        f"{number}\n{_times(cue, ',')}\n{_lines(_arrowless(line) for line in cue.lines)}\n"
        for number, cue in enumerate(_cues(transcript, cues, named=True), start=1)
    )


def vtt(transcript: Transcript, *, cues: str | None = None) -> str:
    """Return the transcript as WebVTT; the header alone if nothing is said.

    A known speaker is the cue's voice. For the rest see `srt`.
    """
    found = _cues(transcript, cues, named=False)
    said = (f"\n{_times(cue, '.')}\n{_voice(cue.speaker)}{_lines(map(_escaped, cue.lines))}\n" for cue in found)
    return "".join(("WEBVTT\n", *said))


def _cues(transcript: Transcript, which: str | None, *, named: bool) -> list[Cue]:
    match which:
        case None | "readable":
            return readable(transcript, named=named)
        case "provider":
            return as_given(transcript, named=named)
    raise ImpossibleError(f'cues are "readable" or "provider", not {which!r:.60}')


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _times(cue: Cue, point: str) -> str:
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
    cues = ((start, end, clean(" ".join(lines))) for start, end, lines in _read_cues(raw))
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
        name, _, annotation = BREAKS.sub(" ", tag).partition(" ")
        if name.partition(".")[0] in ("v", "/v"):  # `v.loud` is a voice with a style
            yield speaker, clean(_unescaped("".join(said)))
            speaker, said = clean(_unescaped(annotation)), []
        said.append(after)
    yield speaker, clean(_unescaped("".join(said)))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda escape: html.unescape(escape[0]), text)
