"""fishaudio: it fetches the recording itself, and the answer to the request that is paid for is the transcript.

Its document contradicts itself, and the sites of its family differ from it, so all of this is understood:

a refusal       `error` with `remaining_quota` and `required_quota`, or with `details` and `code`
no credits      402, or a 429 that speaks of credits or a quota; any other 429 means that requests come too fast
`segments`      text, start and end of each; or nothing, and then the text is one segment
`duration`      seconds, or milliseconds: no recording lasts ten times as long as what was paid for
the balance     at a path of which this site says nothing

Source: https://fishaudio.net/en/api-playground/speech-to-text. The key goes into the header alone, because bodies are
logged.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from receiver.errors import NotFound, ProviderError, ProviderUnavailable
from receiver.providers import lax, refusals
from receiver.providers.orders import Answered, Order, Wishes
from receiver.providers.seam import Source
from receiver.settings.accounts import FISHAUDIO
from receiver.transcripts import Segment, Transcript

CREDITS_A_MINUTE = 10
TOO_LONG = 10  # times what was paid for
QUOTAS = ("remaining_quota", "required_quota")
SHARED = frozenset({429})  # the status of spent credits and of too many requests
MEANINGS = refusals.meanings({402: "credit|quota|insufficient"})


class Transcribe(Wishes):
    """The options of a transcription. `file_name` hints at the format, such as `audio.mp3`."""

    language: Literal["auto", "zh", "en", "ja", "ko", "fr", "de", "es", "ar"] = "auto"
    ignore_timestamps: bool = False
    file_name: Annotated[str, Field(min_length=1)] | None = None


def refusal(status: int, headers: Mapping[str, str], body: bytes, key: str = "") -> ProviderError:
    """Return the error for an unsuccessful answer; see `Source.refusal`."""
    answer = lax.json_object(body)
    said = [text for name in ("error", "details", "code") if isinstance(text := answer.get(name), str) and text]
    told = refusals.meaning([*said, *(name for name in QUOTAS if name in answer)], MEANINGS)
    return refusals.error(status, headers, said, key, meant=told if status in SHARED else None)


class FishAudio(Source):
    """The API of fishaudio."""

    name, variables, api_path = FISHAUDIO.source, FISHAUDIO, FISHAUDIO.api_path
    operations: ClassVar = {"transcription": Transcribe}
    unit = "credits"
    takes: ClassVar = frozenset({"url"})
    uploads = False
    synchronous = True
    refusal = staticmethod(refusal)

    @classmethod
    def estimate(cls, operation: str, seconds: float | None) -> float | None:  # noqa: ARG003 - there is one
        """See `Source`. A minute that has begun counts."""
        return None if seconds is None else math.ceil(seconds / 60) * CREDITS_A_MINUTE

    async def start(self, order: Order) -> Answered:
        """See `Source`."""
        body = {"audio_url": order.url} | order.wishes.to_json()
        raw = await self._calls.once.send("POST", "speech-to-text", json=body, seconds=order.patience)
        return Answered(raw, charged=_amount(lax.json_object(raw).get("credits_used")))

    @classmethod
    def transcript(cls, operation: str, raw: bytes) -> Transcript:  # noqa: ARG003 - there is one
        """See `Source`."""
        answer = _answer(raw)
        items = answer["segments"]
        whole = answer["text"] or " ".join(item["text"] for item in items)
        alone = (Segment(0.0, _seconds(answer), whole.strip()),) if whole.strip() else ()
        return Transcript(_timed(items) or alone)

    async def balance(self) -> float | None:
        """See `Source`."""
        try:
            raw = await self._calls.send("GET", "profile")
        except NotFound:
            return None
        profile = lax.json_object(raw)
        inner = profile.get("data")
        return _amount((profile | (inner if isinstance(inner, dict) else {})).get("api_quota_remaining"))


def _answer(raw: bytes) -> dict[str, Any]:
    """Return an answer, in which `text` is a text and `segments` are objects that have one.

    Raises:
        ProviderUnavailable: it has neither (code `malformed_answer`). Nobody knows what was charged.
    """
    answer = lax.json_object(raw)
    text, items = answer.get("text"), answer.get("segments")
    segments = [item for item in items if _has_text(item)] if isinstance(items, list) else []
    if not isinstance(text, str) and not segments:
        raise ProviderUnavailable("the answer is no transcript: it has no text", code="malformed_answer")
    return answer | {"text": text if isinstance(text, str) else "", "segments": segments}


def _has_text(item: object) -> bool:
    return isinstance(item, dict) and isinstance(item.get("text"), str)


def _timed(items: Sequence[Mapping[str, Any]]) -> tuple[Segment, ...]:
    """Return the segments in which something is said; none if one of them has no times."""
    found = list[Segment]()
    for item in items:
        start, end = _amount(item.get("start")), _amount(item.get("end"))
        if start is None or end is None:
            return ()
        if item["text"].strip():
            found.append(Segment(start, max(start, end), item["text"].strip()))
    return tuple(found)


def _seconds(answer: Mapping[str, Any]) -> float:
    """Return the length of the recording; 0 if nothing tells it."""
    duration, credits_used = _amount(answer.get("duration")) or 0.0, _amount(answer.get("credits_used")) or 0.0
    paid_for = credits_used / CREDITS_A_MINUTE * 60
    return duration / 1000 if 0 < paid_for * TOO_LONG <= duration else duration


def _amount(value: object) -> float | None:
    """Return a number that is not negative; None for anything else."""
    found = lax.number(value)
    return found if found is not None and found >= 0 else None
