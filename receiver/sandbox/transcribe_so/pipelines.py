"""The speech models and their prices, copied from `GET /pipelines` in the documentation.

The documentation contradicts itself about prices. So these prices are for the sandbox only; do not rely on them.
"""

import math
from dataclasses import dataclass
from typing import Any

LANGUAGES = ("en", "zh", "es", "fr", "de", "it", "pt", "ru", "ja", "ko", "ar", "hi")


@dataclass(frozen=True, slots=True)
class SimulatedPipeline:
    """A speech model; prices in USD."""

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
    """The price of a recording."""

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
    """Return the price of a recording. It is billed in tenths of a minute, rounded up."""
    minutes = math.ceil(round(seconds / 6, 6)) / 10
    return Price(minutes, round(minutes * PIPELINES[code].per_minute, 4))
