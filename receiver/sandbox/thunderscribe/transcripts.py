"""Make the answer to a transcription, in the format that was asked for. Pure."""

from itertools import groupby
from typing import Any

from starlette.responses import JSONResponse, PlainTextResponse, Response

from receiver.sandbox import samples, subtitles
from receiver.sandbox.knobs import ThunderScribeKnobs
from receiver.sandbox.samples import Sample
from receiver.sandbox.thunderscribe.orders import Order

JOINED = 2  # how many segments are one where they are not split by speaker


def answer(spoken: Sample, order: Order, knobs: ThunderScribeKnobs) -> Response:
    """Return the answer to a transcription."""
    match order.response_format:
        case "text":
            text = _text(samples.segments(spoken))
            return PlainTextResponse(text) if knobs.text == "plain" else JSONResponse({"text": text})
        case "srt" if spoken.asks_for("bad-srt"):
            return PlainTextResponse(subtitles.write_badly(samples.segments(spoken)))
        case "srt" | "vtt" as form:
            return PlainTextResponse(subtitles.write(samples.segments(spoken), form, speakers=False))
        case _:
            return JSONResponse(_detailed(spoken, order, knobs))


def _detailed(spoken: Sample, order: Order, knobs: ThunderScribeKnobs) -> dict[str, Any]:
    """Return the transcript as JSON."""
    cues = _cues(spoken, order)
    shown = cues if order.split or not order.diarization else _joined(cues)
    made: dict[str, Any] = {
        "task": "transcribe",
        "language": order.language,
        "duration": float(spoken.seconds),
        "text": _text(cues),
        "segments": [
            cue | ({"words": _words(cue)} if order.words and knobs.words != "top" else {}) for cue in shown
        ],
    }  # fmt: skip
    if order.diarization:
        made["diarization_segments"] = _turns(cues)
    if order.words and knobs.words != "segments":
        made["words"] = [word for cue in shown for word in _words(cue)]
    return made


def _cues(spoken: Sample, order: Order) -> list[dict[str, Any]]:
    """Return the sample's segments in this provider's words."""
    return [
        {"start": said["start_seconds"], "end": said["end_seconds"], "text": said["text"]}
        | ({"speaker": said["speaker"]} if order.diarization and "speaker" in said else {})
        for said in samples.told_apart(samples.segments(spoken), order.speakers)
    ]


def _joined(cues: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return segments of two cues each, whoever speaks in them."""
    pairs = [cues[at : at + JOINED] for at in range(0, len(cues), JOINED)]
    return [pair[0] | {"end": pair[-1]["end"], "text": _text(pair)} for pair in pairs]


def _turns(cues: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return who speaks when: one entry until the next one speaks."""
    spoken = (cue for cue in cues if "speaker" in cue)
    turns = [(who, list(said)) for who, said in groupby(spoken, key=lambda cue: str(cue["speaker"]))]
    return [{"start": said[0]["start"], "end": said[-1]["end"], "speaker": who} for who, said in turns]


def _words(cue: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the words of a cue; their times are evenly spread."""
    words = cue["text"].split()
    step = (cue["end"] - cue["start"]) / max(1, len(words))
    times = [round(cue["start"] + number * step, 2) for number in range(len(words) + 1)]
    return [{"start": times[n], "end": times[n + 1], "word": word} for n, word in enumerate(words)]


def _text(cues: list[dict[str, Any]]) -> str:
    return " ".join(cue["text"] for cue in cues)
