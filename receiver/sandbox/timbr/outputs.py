"""Make the files that a task brings. Pure."""

import re
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
HUGE_MB = 48
HUGE = re.compile(r"huge-stem(?:-([1-9][0-9]{0,4})mb)?", re.IGNORECASE)


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
                yield _stem(f"{spoken.name}_{stem}", _huge_bytes(spoken) if number == 0 else STEM_BYTES)


def _srt(name: str, write: Callable[[], str]) -> Output:
    kind = subtitles.TYPES["srt"]
    return Output(f"{name}.srt", "srt", kind, lambda: assets.text(write(), kind))


def _stem(name: str, size: int) -> Output:
    return Output(f"{name}.wav", "wav", "audio/wav", lambda: assets.sound(name, size))


def _transcript(spoken: Sample, order: Transcription) -> str:
    cues = _labelled(samples.segments(spoken), order.speakers, named=order.named)
    return _written(spoken, cues, speakers=order.speakers > 0)


def _translated(spoken: Sample, order: Translation) -> str:
    """Return the transcript with the language after each text, as if it had been translated."""
    heard = [cue | {"text": f"{cue['text']} ({order.target})"} for cue in samples.segments(spoken)]
    return _written(spoken, heard, speakers=order.named)


def _written(spoken: Sample, cues: list[dict[str, Any]], *, speakers: bool) -> str:
    is_bad = spoken.asks_for("bad-srt")
    return subtitles.write_badly(cues) if is_bad else subtitles.write(cues, "srt", speakers=speakers)


def _labelled(heard: list[dict[str, Any]], count: int, *, named: bool) -> list[dict[str, Any]]:
    """Return the segments with the speakers that are told apart."""
    voices = samples.voices(heard, count or 1)
    return [
        cue if who is None else cue | {"speaker": NAMES[who - 1] if named else f"Speaker {who}"}
        for cue, who in zip(heard, voices, strict=True)
    ]


def _huge_bytes(spoken: Sample) -> int:
    found = HUGE.search(spoken.name)
    return STEM_BYTES if found is None else int(found[1] or HUGE_MB) * 1024**2
