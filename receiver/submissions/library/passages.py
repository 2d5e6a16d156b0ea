"""Cut a transcript into passages: rows of some 30 to 60 seconds, so that the words of a question stand in one. Pure."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from receiver.transcripts import Segment

LEAST_SECONDS, MOST_SECONDS = 30.0, 60.0
MOST_CHARACTERS = 1500
PIECE_CHARACTERS = 1000  # of a segment that is longer than a passage
LONGEST_SECONDS = 1e9

# By the two letters of ISO 639-1. PostgreSQL 14 does not have all of them.
CONFIGS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian",
    "ne": "nepali", "nl": "dutch", "nn": "norwegian", "no": "norwegian", "pl": "polish", "pt": "portuguese",
    "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish",
    "yi": "yiddish",
}  # fmt: skip
SIMPLE = "simple"

# Thai, Lao, Burmese, Khmer; kana and Chinese characters, with those of the higher planes.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u3096\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff\uaa60-\uaa7f"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
_LETTER = re.compile(r"[^\W\d_]")
# Also what reorders a line. An excerpt is marked with two control characters.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]+")
SAMPLE_CHARACTERS = 20_000


@dataclass(slots=True)
class Passage:
    """A run of segments.

    Attributes:
        seconds: when it begins.
        speaker: who speaks; None if that is not told, or if several people speak.
        text: what is said, without control characters.
        starts: where in the text each segment begins, and when.
    """

    seconds: float
    speaker: str | None
    text: str = ""
    starts: list[tuple[int, float]] = field(default_factory=list)


def config(language: str | None, segments: Sequence[Segment]) -> str | None:
    """Return the name of the text search configuration for a transcript; None if its words have no spaces between.

    Its characters tell the latter: a source may tell no language, or a wrong one.
    """
    if is_unspaced(segments):
        return None
    told = (language or "").strip().lower()
    return told if told in CONFIGS.values() else CONFIGS.get(re.split("[-_]", told)[0], SIMPLE)


def is_unspaced(segments: Sequence[Segment]) -> bool:
    """Whether a quarter of the letters or more are of a script that puts no spaces between words."""
    sample = "".join(_sample(segments))
    return len(_UNSPACED.findall(sample)) * 4 > len(_LETTER.findall(sample))


def _sample(segments: Sequence[Segment]) -> Iterator[str]:
    taken = 0
    for segment in segments:
        yield segment.text[: SAMPLE_CHARACTERS - taken]
        taken += len(segment.text)
        if taken >= SAMPLE_CHARACTERS:
            return


def cut(segments: Sequence[Segment], *, spaced: bool) -> list[Passage]:
    """Return the passages of a transcript, in its order. Without a text there are none."""
    found = list[Passage]()
    ends_at = 0.0
    for piece in _pieces(segments):
        now = found[-1] if found else None
        if now is None or _begins(now, piece, ends_at):
            now = Passage(piece.start_seconds, piece.speaker)
            found.append(now)
        elif now.speaker != piece.speaker:
            now.speaker = None
        now.text += " " if spaced and now.text else ""
        now.starts.append((len(now.text), piece.start_seconds))
        now.text += piece.text
        ends_at = piece.end_seconds
    return found


def length(segments: Iterable[Segment]) -> float:
    """Return when the last segment ends, in seconds."""
    return max((_time(segment.end_seconds, 0.0) for segment in segments), default=0.0)


def _begins(now: Passage, piece: Segment, ends_at: float) -> bool:
    """Whether a piece begins a passage, and does not go on with the one that ends at a time."""
    if len(now.text) + len(piece.text) >= MOST_CHARACTERS or piece.end_seconds - now.seconds > MOST_SECONDS:
        return True
    # Nor does a passage go back in time.
    is_another = piece.speaker != now.speaker and ends_at - now.seconds >= LEAST_SECONDS
    return is_another or piece.start_seconds < now.seconds


def _pieces(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Yield what is said, without control characters and with times that can be; a long segment in pieces."""
    before = 0.0
    for segment in segments:
        text = " ".join(_CONTROL.sub(" ", segment.text).split())
        start = _time(segment.start_seconds, before)
        end = max(start, _time(segment.end_seconds, start))
        before = start
        done = 0
        for part in _parts(text):
            at = start + (end - start) * done / len(text)
            done += len(part)
            yield Segment(at, start + (end - start) * done / len(text), part.strip(), _speaker(segment.speaker))


def _parts(text: str) -> Iterator[str]:
    """Yield a text in parts, cut at spaces where there are some."""
    while len(text) > MOST_CHARACTERS:
        at = text.rfind(" ", 1, PIECE_CHARACTERS)
        at = PIECE_CHARACTERS if at < 0 else at + 1
        yield text[:at]
        text = text[at:]
    if text:
        yield text


def _speaker(name: str | None) -> str | None:
    return None if name is None else _CONTROL.sub(" ", name).strip() or None


def _time(seconds: float, otherwise: float) -> float:
    return seconds if math.isfinite(seconds) and 0 <= seconds < LONGEST_SECONDS else otherwise
