"""The models and what they cost, as `GET /pipelines` of the documentation shows them.

The documentation names other prices elsewhere: these are the sandbox's own truth and nobody should rely on them.
"""

import math
from dataclasses import dataclass
from typing import Any

LANGUAGES = ("en", "zh", "es", "fr", "de", "it", "pt", "ru", "ja", "ko", "ar", "hi")


@dataclass(frozen=True, slots=True)
class SimulatedPipeline:
    """A model; prices in USD."""

    code: str
    name: str
    per_minute: float
    per_hour: float
    languages: tuple[str, ...] = LANGUAGES

    def to_json(self) -> dict[str, Any]:
        """Return what `GET /pipelines` shows."""
        return {
            "code": self.code,
            "name": self.name,
            "retail_usd_per_min": self.per_minute,
            "retail_usd_per_hour": self.per_hour,
            "supported_languages": list(self.languages),
            "word_timestamp_languages": list(self.languages[:9]),
            "timestamp_options": ["sentence", "word"],
        }


@dataclass(frozen=True, slots=True)
class Price:
    """What a recording costs."""

    minutes: float
    usd: float


DEFAULT_CODE = "qwen3-asr-flash-filetrans"
PIPELINES = {
    pipeline.code: pipeline
    for pipeline in (
        SimulatedPipeline(DEFAULT_CODE, "Qwen3 ASR Flash", 0.0362, 2.17),
        SimulatedPipeline("gpt-4o-transcribe-diarize", "GPT-4o Transcribe", 0.0538, 3.23),
        SimulatedPipeline("voxtral-mini-transcribe", "Voxtral Mini Transcribe", 0.0187, 1.12, LANGUAGES[:8]),
    )
}


def price(code: str, seconds: float) -> Price:
    """Return the price of a recording: tenths of a minute, the last one begun counts whole."""
    minutes = math.ceil(round(seconds / 6, 6)) / 10
    return Price(minutes, round(minutes * PIPELINES[code].per_minute, 4))
