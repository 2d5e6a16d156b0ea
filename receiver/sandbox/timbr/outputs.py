"""Make the files that a task brings. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from receiver.sandbox import assets, samples, subtitles
from receiver.sandbox.assets import Content
from receiver.sandbox.samples import Sample
from receiver.sandbox.timbr.orders import Order, Separation, Transcription, Translation

NAMES = ("Ada", "Ben", "Cem", "Dia", "Eva", "Finn", "Gil", "Hua", "Ida")
STEMS = ("speech", "background")
STEM_BYTES = 64_044


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a task brings; `make` makes its content, always the same."""

    name: str
    extension: str
    mime_type: str
    make: Callable[[], Content]


def recording(filename: str) -> Sample:
    """Return the recording with this file name, whose ending does not matter: always the same for the same name."""
    return samples.named(PurePosixPath(filename).stem or "file")


def outputs(spoken: Sample, order: Order) -> Iterator[Output]:
    """Yield the files."""
    match order:
        case Transcription():
            yield _srt(spoken.name, lambda: _transcript(spoken, order))
        case Translation(target=target):
            yield _srt(f"{spoken.name}_{target}", lambda: _translated(spoken, order))
        case Separation():
            for number, stem in enumerate(STEMS):
                huge = spoken.huge_bytes if number == 0 else None
                yield _stem(f"{spoken.name}_{stem}", huge or STEM_BYTES)


def _srt(name: str, write: Callable[[], str]) -> Output:
    kind = subtitles.TYPES["srt"]
    return Output(f"{name}.srt", "srt", kind, lambda: assets.text(write(), kind))


def _stem(name: str, size: int) -> Output:
    return Output(f"{name}.wav", "wav", "audio/wav", lambda: assets.sound(name, size))


def _transcript(spoken: Sample, order: Transcription) -> str:
    cues = samples.told_apart(samples.segments(spoken), order.speakers or 1, NAMES if order.named else ())
    return _written(spoken, cues, speakers=order.speakers > 0)


def _translated(spoken: Sample, order: Translation) -> str:
    """Return the transcript with the language after each text, as if it had been translated."""
    heard = [cue | {"text": f"{cue['text']} ({order.target})"} for cue in samples.segments(spoken)]
    return _written(spoken, heard, speakers=order.named)


def _written(spoken: Sample, cues: list[dict[str, Any]], *, speakers: bool) -> str:
    is_bad = spoken.asks_for("bad-srt")
    return subtitles.write_badly(cues) if is_bad else subtitles.write(cues, "srt", speakers=speakers)
