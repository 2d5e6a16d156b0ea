"""Any server that is compatible with OpenAI: the file goes with the request, and the answer is the transcript."""

import asyncio
from contextlib import closing
from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field

from receiver.providers import openai_answers
from receiver.providers.orders import CALL_SECONDS, Answered, Order, Wishes
from receiver.providers.seam import Source
from receiver.settings.accounts import OPENAI
from receiver.transcripts import Transcript

LEVELS = ("segment", "word")

_Levels = Annotated[
    tuple[Literal["segment", "word"], ...],
    BeforeValidator(lambda value: value.split(",") if isinstance(value, str) else value),
]


class Speech(Wishes):
    """The options that every OpenAI-compatible server knows.

    `timestamp_granularities`: by default both with `verbose_json`, and none with another format.
    """

    levels_field: ClassVar[str] = "timestamp_granularities"

    model: Annotated[str, Field(min_length=1)] | None = None
    prompt: str | None = None
    temperature: float | None = Field(None, ge=0, le=1)
    response_format: Literal["text", "json", "verbose_json", "srt", "vtt"] = "verbose_json"
    timestamp_granularities: _Levels | None = None

    def to_form(self) -> list[tuple[str, str]]:
        """See `Wishes`."""
        usual = LEVELS if self.response_format == "verbose_json" else ()
        levels = usual if self.timestamp_granularities is None else self.timestamp_granularities
        others = [(name, value) for name, value in super().to_form() if name != "timestamp_granularities"]
        return others + [(self.levels_field, level) for level in levels]


class Transcribe(Speech):
    """The options that OpenAI documents. Only with the brackets do all servers take a list."""

    levels_field: ClassVar[str] = "timestamp_granularities[]"

    language: str | None = None


class OpenAI(Source):
    """The API of an OpenAI-compatible server, whose limits nobody knows."""

    name, variables, api_path = OPENAI.source, OPENAI, OPENAI.api_path
    operations: ClassVar = {"transcription": Transcribe}
    takes: ClassVar = frozenset({"file"})
    uploads = False
    synchronous = True
    refusal = staticmethod(openai_answers.refusal)

    _path = "audio/transcriptions"

    async def start(self, order: Order) -> Answered:
        """See `Source`."""
        assert order.file is not None  # it goes with the request
        with closing(await asyncio.to_thread(order.file.path.open, "rb")) as content:
            send = partial(self._calls.form, self._path, order.wishes.to_form(), file=(order.file.name, content))
            return Answered(await send(seconds=order.patience, most_seconds=CALL_SECONDS))

    @classmethod
    def transcript(cls, operation: str, raw: bytes) -> Transcript:  # noqa: ARG003 - there is one
        """See `Source`."""
        return openai_answers.transcript(raw)
