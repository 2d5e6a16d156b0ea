"""Read what OpenAI-compatible servers answer to a transcription, in any of their formats, and their refusals. Pure.

the answer           is read as
──────────────────── ──────────────────────────────────────────────────────────────────────────────
{…                   JSON: segments with their words, or words beside them, or the text alone
WEBVTT               WebVTT
a line of times      SubRip; some servers answer it to `vtt` too
a page of HTML       no transcript: a proxy wrote it
anything else        the text

The servers do not agree, so all that can be missing or wrong is left out: a time is a number or its text, an end before
its start is moved there, a word without times is in the text alone. Silence is an empty transcript.
"""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from receiver.errors import ProviderError, ProviderUnavailable
from receiver.providers import lax, refusals
from receiver.transcripts import Segment, Transcript, Word, subtitles

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
SPENT = "insufficient_quota"
SHARED = frozenset({429})  # the status of spent money and of too many requests

_PAGE = re.compile(rb"<(!doctype|html)", re.IGNORECASE)
_CUE = re.compile(rb"^[ \t]*[0-9]+:[0-9:.,]+[ \t]*-->", re.MULTILINE)


def transcript(raw: bytes) -> Transcript:
    """Return the transcript in an answer.

    Raises:
        ProviderUnavailable: there is none in it (code `malformed_answer`).
    """
    content = raw.removeprefix(BYTE_ORDER_MARK).lstrip()
    if content.startswith(b"{"):
        return _from_json(content)
    if content.startswith(b"WEBVTT"):
        return subtitles.read_vtt(content)
    if _CUE.search(content):
        return subtitles.read_srt(content)
    if _PAGE.match(content):
        raise _malformed("it is a page of HTML")
    try:
        text = content.decode().strip()
    except UnicodeDecodeError as exc:
        raise _malformed("it is not text") from exc
    return Transcript((Segment(0.0, 0.0, text),) if text else ())


def refusal(status: int, headers: Mapping[str, str], body: bytes, key: str = "") -> ProviderError:
    """Return the error for an unsuccessful answer; see `Source.refusal`."""
    answer = lax.json_object(body)
    error = answer.get("error")
    inner = error if isinstance(error, dict) else {}
    said = [error, inner.get("message"), answer.get("message"), answer.get("detail")]
    is_spent = SPENT in (inner.get("type"), inner.get("code"))
    words = [text for text in said if isinstance(text, str) and text]
    return refusals.error(status, headers, words, key, meant=402 if status in SHARED and is_spent else None)


def _from_json(content: bytes) -> Transcript:
    answer = lax.json_object(content)
    if not answer:
        raise _malformed("it is an empty object, or no JSON")
    text, segments, words = answer.get("text"), answer.get("segments"), answer.get("words")
    if not isinstance(text, str) and not isinstance(segments, list) and not isinstance(words, list):
        raise _malformed("it has neither a text nor segments")
    found, timed = _segments(segments), _words(words)
    if found:
        has_words = any(segment.words for segment in found)
        return Transcript(tuple(found if has_words else _with_words(found, timed)))
    said = _text(text) or " ".join(word.text for word in timed)
    end = max(_seconds(answer.get("duration")) or 0.0, *(word.end_seconds for word in timed), 0.0)
    return Transcript((Segment(0.0, end, said, words=timed),) if said else ())


def _segments(items: object) -> list[Segment]:
    """Return the segments in which something is said, in their order."""
    found, before = list[Segment](), 0.0
    for item in _objects(items):
        words = _words(item.get("words"))
        start = _seconds(item.get("start"))
        start = before if start is None else start
        before = end = max(start, _seconds(item.get("end")) or 0.0)
        said = _text(item.get("text")) or " ".join(word.text for word in words)
        if said:
            found.append(Segment(start, end, said, _name(item.get("speaker")), words))
    return found


def _words(items: object) -> tuple[Word, ...]:
    """Return the words that have both times."""
    found = list[Word]()
    for item in _objects(items):
        start, end = _seconds(item.get("start")), _seconds(item.get("end"))
        said = _text(item.get("word")) or _text(item.get("text"))
        if start is not None and end is not None and said:
            found.append(Word(start, max(start, end), said, _name(item.get("speaker"))))
    return tuple(found)


def _with_words(segments: Sequence[Segment], words: Sequence[Word]) -> list[Segment]:
    """Return the segments with the words that stand beside them, each where its middle is."""
    order = sorted(range(len(segments)), key=lambda place: segments[place].start_seconds)
    starts = [segments[place].start_seconds for place in order]
    parts: list[list[Word]] = [[] for _ in segments]
    for word in words:
        middle = (word.start_seconds + word.end_seconds) / 2
        parts[order[max(0, bisect_right(starts, middle) - 1)]].append(word)
    return [replace(segment, words=tuple(part)) for segment, part in zip(segments, parts, strict=True)]


def _objects(items: object) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _name(value: object) -> str | None:
    return str(value).strip() or None if isinstance(value, str | int) else None


def _seconds(value: object) -> float | None:
    """Return a time that is a number or its text, and not before the beginning; None for anything else."""
    seconds = lax.number(value)
    return None if seconds is None else max(0.0, seconds)


def _malformed(why: str) -> ProviderUnavailable:
    return ProviderUnavailable(f"the answer is no transcript: {why}", code="malformed_answer")
