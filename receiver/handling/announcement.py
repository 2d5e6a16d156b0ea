"""An event as one JSON document for other programs. The ready-made handlers send it.

    {
      "type": "transcription.completed",
      "timestamp": "2026-04-29T14:20:58+00:00",
      "data": {
        "source": "transcribe.so", "api_url": "https://transcribe.so", "account": "default", "event": "evt_1",
        "transcription": {"id": "4821", "status": "completed", "title": "podcast.mp3", …},
        "provider": {…},
        "transcript": {"title": …, "text": …, "segments": […], "chapters": […], "sections": […], "qna": […]},
        "left_out": []
      }
    }

`type`, `timestamp` and `data` are the fields that Standard Webhooks recommends. The same event with the same transcript
always has the same bytes. A transcript that is not kept any more is fetched again, and can be another one.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

from receiver.events import SUBMISSION, AccountId, Event, Transcription
from receiver.transcripts import Transcript
from receiver.transcripts.documents import fields

LeftOut = Literal["words", "transcript"]
LAST_SECOND = 253402300799  # of the year 9999


@dataclass(frozen=True, slots=True)
class Announced:
    """What an event says.

    Attributes:
        source: the sender, such as `transcribe.so`.
        api_url: the address of its API.
        account: the account at the source; `default` unless the operator named it.
        event: the event's id, unique within its source.
        transcription: the transcription, in the same shape for all sources. Each of its fields can be null.
        provider: the event's data, in the provider's own words. What a worker says of a submission has its addresses
            without user, password, query and fragment: who gets the document need not be able to fetch them.
        transcript: the transcript as `receiver transcript --format json` prints it; null if it was not asked for, or
            there is none.
        left_out: what is not there because the document would be too large: `words` of the segments, or `transcript`.
    """

    source: str
    api_url: str
    account: str
    event: str
    transcription: Transcription
    provider: Mapping[str, Any]
    transcript: Mapping[str, Any] | None = None
    left_out: Sequence[LeftOut] = field(default=())


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event for other programs.

    Attributes:
        type: the event's type, such as `transcription.completed`.
        timestamp: when it happened by the source's clock (ISO 8601, UTC); null if the source does not say.
        data: what the event says.
    """

    type: str
    timestamp: str | None
    data: Announced

    @classmethod
    def of(cls, event: Event, account: AccountId, transcript: Transcript | None = None) -> Self:
        """Return the announcement of an event of an account, with or without its transcript."""
        content = None if transcript is None else fields(transcript)
        said = dict(event.data)
        if SUBMISSION in said:  # the others are the provider's own words
            said[SUBMISSION] = event.shown[SUBMISSION]
        about = Announced(*account, event.id, event.transcription, said, content)
        return cls(event.type, _time(event), about)

    def encoded(self, *, most: int) -> bytes:
        """Return the document as JSON in UTF-8.

        `most` is how many bytes it should have at most. If it would have more, the words of the segments are left out,
        and if that is not enough the whole transcript. `left_out` says so. The rest is never cut.
        """
        for candidate in self._smaller():
            found = _json(candidate)
            if len(found) <= most:
                break
        return found

    def _smaller(self) -> "Iterator[Announcement]":
        yield self
        transcript = self.data.transcript
        if transcript is None:
            return
        if any("words" in segment for segment in transcript["segments"]):
            bare = [{name: value for name, value in one.items() if name != "words"} for one in transcript["segments"]]
            yield self._without("words", {**transcript, "segments": bare})
        yield self._without("transcript", None)

    def _without(self, what: LeftOut, transcript: Mapping[str, Any] | None) -> "Announcement":
        return replace(self, data=replace(self.data, transcript=transcript, left_out=(what,)))


def _time(event: Event) -> str | None:
    """Return when an event happened: when it was made or else, if its source does not say, when its subject ended."""
    if event.created is not None and 0 <= event.created <= LAST_SECOND:
        return datetime.fromtimestamp(event.created, UTC).isoformat()
    ended_at = event.transcription.ended_at
    return None if ended_at is None else ended_at.isoformat()


def _json(announcement: Announcement) -> bytes:
    data = announcement.data
    whole = {
        "type": announcement.type, "timestamp": announcement.timestamp,
        "data": {
            "source": data.source, "api_url": data.api_url, "account": data.account, "event": data.event,
            "transcription": asdict(data.transcription), "provider": data.provider, "transcript": data.transcript,
            "left_out": list(data.left_out),
        },
    }  # fmt: skip
    try:
        text = _written(whole)
    except ValueError:  # a number beyond floats, such as 1e400
        text = _written(_finite(whole))
    return text.encode("utf-8", "replace")


def _written(whole: object) -> str:
    return json.dumps(whole, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _finite(value: object) -> object:
    """Return a value of JSON with null for each number that JSON cannot say."""
    match value:
        case dict():
            return {name: _finite(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_finite(inner) for inner in value]
        case float():
            return value if abs(value) < float("inf") else None  # also of NaN this comparison is false
    return value
