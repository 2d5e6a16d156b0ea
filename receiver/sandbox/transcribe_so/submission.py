"""Read and check the bodies of `POST /transcriptions` and `POST /quotes`."""

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from receiver.sandbox import samples
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.transcribe_so import deliveries
from receiver.sandbox.transcribe_so.account import SimulatedAccount
from receiver.sandbox.transcribe_so.envelope import DOCS, invalid
from receiver.sandbox.transcribe_so.pipelines import DEFAULT_CODE, PIPELINES, price
from receiver.sandbox.transcribe_so.state import SimulatedTranscribeSo
from receiver.sandbox.transcribe_so.transcription import SimulatedTranscription

SOURCES = {"youtube": "url", "external_url": "url", "platform_url": "url", "upload": "upload_id"}
MAX_SECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class SubmissionBody:
    """A checked body. `place` is the recording's address or the upload's id; `name` is the transcription's name."""

    source: str
    place: str
    name: str
    pipeline_code: str
    language: str
    duration_seconds: float
    callback_url: str | None
    max_charge_usd: float | None

    def to_transcription(self, provider: SimulatedTranscribeSo) -> SimulatedTranscription:
        """Return the transcription for this body."""
        cost = price(self.pipeline_code, self.duration_seconds)
        item = SimulatedTranscription(
            provider.next_id(), self.source, self.name, self.pipeline_code, self.language, self.duration_seconds, cost,
            datetime.now(UTC),
        )  # fmt: skip
        if self.callback_url is not None:
            item.callback = deliveries.webhook(provider.ground.chance, self.callback_url)
        return item


def read(provider: SimulatedTranscribeSo, account: SimulatedAccount, body: dict[str, Any]) -> SubmissionBody:
    """Return a body, checked.

    Raises:
        RefusalError: 400: a field is missing or wrong.
    """
    source = body.get("source")
    if not isinstance(source, str) or source not in SOURCES:
        raise invalid(f"source must be one of {', '.join(SOURCES)}.")
    place = body.get(SOURCES[source])
    if not isinstance(place, str) or not place:
        raise invalid(f"{SOURCES[source]} is missing.")
    name = _name(provider, account, source, place, body)
    return SubmissionBody(
        source, place, name, _pipeline(body), _text(body, "language", "auto"), _duration(body, source, name),
        _web_address(body, "callback_url") if body.get("callback_url") is not None else None, limit(body),
    )  # fmt: skip


def _name(
    provider: SimulatedTranscribeSo, account: SimulatedAccount, source: str, place: str, body: dict[str, Any]
) -> str:
    if source != "upload":
        return _web_address(body, "url")
    _duration(body, source, "")  # a missing duration is refused before a missing file
    upload = provider.uploads.find_complete(account.user_id, place)
    return _text(body, "original_filename", upload.filename)


def _pipeline(body: dict[str, Any]) -> str:
    code = body.get("pipeline_code", DEFAULT_CODE)
    if not isinstance(code, str) or code not in PIPELINES:
        message = f"pipeline_code must be one of {', '.join(PIPELINES)}. See {DOCS}#pricing."
        raise RefusalError(400, "unsupported_pipeline", message)
    return code


def _duration(body: dict[str, Any], source: str, name: str) -> float:
    seconds = body.get("duration_seconds")
    if seconds is None and source != "upload":
        return samples.probed_seconds(name)
    if not _is_number(seconds) or not 0 < seconds <= MAX_SECONDS:
        raise invalid(f"duration_seconds (>0) is required for source=upload, at most {MAX_SECONDS}.")
    return seconds


def limit(body: dict[str, Any]) -> float | None:
    """Return `max_charge_usd`; None if the body has none.

    Raises:
        RefusalError: 400: the value is not a number of 0 or more.
    """
    most = body.get("max_charge_usd")
    if most is None:
        return None
    if not _is_number(most) or most < 0:
        raise invalid("max_charge_usd must be a number, 0 or more.")
    return float(most)


def _is_number(value: object) -> TypeGuard[float]:
    """Return whether a JSON value is a finite number; true and false are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(body: dict[str, Any], key: str, default: str) -> str:
    value = body.get(key)
    if value is not None and not isinstance(value, str):
        raise invalid(f"{key} must be a string.")
    return value or default


def _web_address(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value.startswith(("http://", "https://")):
        raise invalid(f"{key} must be an http(s) address.")
    return value
