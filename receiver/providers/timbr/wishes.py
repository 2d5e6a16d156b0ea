"""The options of Timbr's operations, with the ranges of its documents. Pure."""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from receiver.providers.orders import Wishes


class Transcribe(Wishes):
    """The options of a transcription. `speakers` is how many there are, 0 if the provider is to find that out."""

    detect_speakers: bool = True
    speakers: int | None = Field(default=None, ge=0, le=9)
    speaker_name: bool | None = None
    denoise_audio: bool = False


class Translate(Wishes):
    """The options of a translation of subtitles."""

    of_subtitles: ClassVar = True

    source_language: Literal[
        "en", "ko", "ja", "zh", "ca", "cs", "da", "de", "el", "hu", "hi", "id", "it", "lv", "mk", "ms", "nl", "pl",
        "pt", "ro", "ru", "sr", "sl", "es", "sv", "th", "fr", "hr", "yue",
    ]  # fmt: skip
    target_language: Literal[
        "en", "ko", "ja", "es", "zh", "de", "fr", "pt", "vi", "id", "ru", "hi", "ta", "hr", "el", "sv", "cs", "ro",
        "hu", "da", "fi", "ms", "sk",
    ]  # fmt: skip
    speaker_name: bool | None = None

    @model_validator(mode="after")
    def _pair(self) -> Self:
        if self.source_language == self.target_language:
            raise ValueError("target_language must not be the source_language")
        return self


class Separate(Wishes):
    """A separation has no options."""
