"""Write segments as subtitle files. Pure.

The sandbox has its own writer: with the product's writer, a mistake in it would be on both sides and stay hidden.
"""

import json
from typing import Any

TYPES = {
    "srt": "application/x-subrip",
    "vtt": "text/vtt",
    "vtt-karaoke": "text/vtt",
    "json": "application/json",
}


def write(segments: list[dict[str, Any]], form: str, *, speakers: bool) -> str:
    """Return the file; `speakers` puts `[Ada] ` before Ada's words."""
    cues = [(s["start_seconds"], s["end_seconds"], _label(s, speakers=speakers), s["text"]) for s in segments]
    match form:
        case "json":
            rows = [{"start_seconds": a, "end_seconds": z, "text": label + text} for a, z, label, text in cues]
            return json.dumps({"cues": rows})
        case "srt":
            blocks = [f"{n}\n{_span(a, z, ',')}\n{who}{text}\n" for n, (a, z, who, text) in enumerate(cues, 1)]
            return "\n".join(blocks)
        case "vtt":
            blocks = [f"{_span(a, z, '.')}\n{who}{text}\n" for a, z, who, text in cues]
        case _:
            blocks = [f"{_span(a, z, '.')}\n{who}{_sung(a, z, text)}\n" for a, z, who, text in cues]
    return "\n".join(["WEBVTT\n", *blocks])


def write_badly(segments: list[dict[str, Any]]) -> str:
    """Return SRT as bad writers make it: a byte order mark, no numbers, every second cue ends before it starts."""
    cues = [(s["start_seconds"], s["end_seconds"], s["text"]) for s in segments]
    turned = [(a, z, text) if n % 2 else (z, a, text) for n, (a, z, text) in enumerate(cues, 1)]
    return "\ufeff" + "\n".join(f"{_span(a, z, ',')}\n{text}\n" for a, z, text in turned)


def _label(segment: dict[str, Any], *, speakers: bool) -> str:
    return f"[{segment['speaker']}] " if speakers and segment.get("speaker") else ""


def _span(start: float, end: float, point: str) -> str:
    return f"{_time(start, point)} --> {_time(end, point)}"


def _time(seconds: float, point: str) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{thousandths:03}"


def _sung(start: float, end: float, text: str) -> str:
    """Return the words with a time before each word except the first. The times are evenly spread."""
    words = text.split()
    step = (end - start) / max(1, len(words))
    times = [f"<{_time(start + number * step, '.')}>" for number in range(len(words))]
    return " ".join(word if number == 0 else times[number] + word for number, word in enumerate(words))
