"""Make up the files that a job brings: stems and enhanced audio as WAV, subtitles as SRT. Pure."""

from collections.abc import Mapping
from typing import Any

from receiver.sandbox import assets, samples, subtitles
from receiver.sandbox.assets import Content
from receiver.sandbox.samples import Sample

STEMS = {
    "dialogue-me": ("{}", "me"),
    "dialogue-music-effect": ("{}", "music", "effect"),
    "speech-nonlingual": ("speech", "nonlingual"),
}
SOUND_BYTES = 64 * 1024


def files(operation: str, wishes: Mapping[str, Any], said: str) -> list[str]:
    """Return the names of the files that an operation brings; `said` is that of the stem with what is said."""
    match operation:
        case "separate":
            return [f"{stem.format(said)}.wav" for stem in STEMS[wishes["separation_type"]]]
        case "enhance":
            return ["enhanced.wav"]
        case _:
            return ["timbr.srt", "sentence_split.srt"]


def content(file: str, recording: Sample, wishes: Mapping[str, Any], *, is_first: bool) -> Content:
    """Return a file; only the first of a job is huge."""
    if file.endswith(".srt"):
        return assets.text(_subtitles(file, recording, wishes), subtitles.TYPES["srt"])
    size = (recording.huge_bytes if is_first else None) or SOUND_BYTES
    rate, bits = wishes.get("sample_rate", 48_000), wishes.get("bit_depth", 16)
    return assets.sound(f"{recording.name} {file}", size, rate=rate, bits=bits)


def _subtitles(file: str, recording: Sample, wishes: Mapping[str, Any]) -> str:
    """Return what is said, with who says it in the file `timbr.srt`."""
    heard = samples.told_apart(samples.segments(recording), wishes["num_speakers"] or len(samples.SPEAKERS))
    if recording.asks_for("bad-srt"):
        return subtitles.write_badly(heard)
    return subtitles.write(heard, "srt", speakers=file == "timbr.srt")
