"""Make the answer to a transcription. Pure."""

from typing import Any

from receiver.sandbox import samples
from receiver.sandbox.fishaudio.orders import Order
from receiver.sandbox.knobs import FishAudioKnobs
from receiver.sandbox.samples import Sample


def answer(spoken: Sample, order: Order, knobs: FishAudioKnobs) -> dict[str, Any]:
    """Return what was said, without what it cost."""
    heard = samples.segments(spoken)
    made: dict[str, Any] = {
        "text": " ".join(segment["text"] for segment in heard),
        "duration": spoken.seconds * 1000 if knobs.duration == "ms" else float(spoken.seconds),
    }
    if knobs.segments != "absent":
        shown = [] if order.ignore_timestamps or knobs.segments == "empty" else heard
        made["segments"] = [
            {"text": segment["text"], "start": segment["start_seconds"], "end": segment["end_seconds"]}
            for segment in shown
        ]  # fmt: skip
    return made
