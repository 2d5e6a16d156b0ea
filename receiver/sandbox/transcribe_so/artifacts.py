"""The endpoints for the content of a completed transcription: result, subtitles, timestamps."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse, Response

from receiver.sandbox import samples, subtitles
from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.samples import Sample
from receiver.sandbox.transcribe_so import timestamps
from receiver.sandbox.transcribe_so.envelope import invalid
from receiver.sandbox.transcribe_so.state import Call
from receiver.sandbox.transcribe_so.timestamps import Item
from receiver.sandbox.transcribe_so.transcription import SimulatedTranscription, stamp

STYLES = ("balanced", "punchy", "educational")
SOURCES = {"show_notes": "transcript_chapters", "original": "transcript_sections"}
MODEL = "sandbox"
REGENERATIONS = 10
REGENERATING_SECONDS = (30.0, 90.0)
PROMPT_LENGTH = 200
INJECTION = re.compile(
    r"(ignore|disregard|forget)\s+(\w+\s+){0,3}(instructions|prompts?|rules)|system\s*prompt|</?\w+>|\bsystem\s*:|```",
    re.IGNORECASE,
)


def included(text: str) -> tuple[str, ...]:
    """Return the sections that an `include` names.

    Raises:
        RefusalError: 400: a name is unknown.
    """
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if unknown := sorted({*names} - {*samples.EVERY_SECTION, "all"}):
        raise invalid(f"include knows no {', '.join(unknown)}: {', '.join(samples.EVERY_SECTION)}, all.")
    return samples.EVERY_SECTION if "all" in names else names


def sections(item: SimulatedTranscription, include: Iterable[str]) -> dict[str, Any]:
    """Return the wanted sections of a completed transcription."""
    revision, _ = item.styles.get("balanced", (0, ""))
    return samples.result(_recording(item), include, revision=revision)


async def result(call: Call) -> Response:
    """Answer `GET /transcriptions/:id/result`."""
    query = call.request.query_params
    include = included(query["include"]) if "include" in query else samples.SECTIONS
    item = call.item
    item.require_completed()
    return JSONResponse({"id": item.id, "status": item.status} | sections(item, include))


async def subtitle_file(call: Call) -> Response:
    """Answer `GET /transcriptions/:id/subtitles` with the file itself."""
    query = call.request.query_params
    form = query.get("format", "srt")
    if form not in subtitles.TYPES:
        raise invalid(f"format must be one of {', '.join(subtitles.TYPES)}.")
    item = call.item
    item.require_completed()
    speakers = query.get("speaker_labels") == "true"
    text = subtitles.write(samples.segments(_recording(item)), form, speakers=speakers)
    return Response(text, media_type=subtitles.TYPES[form])


async def timestamp_text(call: Call) -> Response:
    """Answer `GET /transcriptions/:id/timestamps`."""
    query = call.request.query_params
    name, style = query.get("format"), query.get("style", STYLES[0])
    if name not in timestamps.RULES:
        raise invalid(f"format must be one of {', '.join(timestamps.RULES)}.")
    if style not in STYLES and name not in SOURCES:
        raise invalid(f"style must be one of {', '.join(STYLES)}.")
    item = call.item
    item.require_completed()
    if name not in SOURCES:
        _require_style(item, style)
    written = timestamps.write(name, _items(item, name, style))
    return JSONResponse({"format": name, "style": style, **written, "source": _source(item, name, style)})


async def regenerate(call: Call) -> Response:
    """Answer `POST /transcriptions/:id/timestamps/regenerate`: free, in 30 to 90 s, at most ten times."""
    style = call.body.get("style", STYLES[0])
    if style not in STYLES:
        raise invalid(f"style must be one of {', '.join(STYLES)}.")
    _check_prompt(call.body.get("refine_prompt"))
    item = call.item
    item.require_completed()
    if item.regenerations >= REGENERATIONS:
        raise invalid(f"Transcription {item.id} was regenerated {REGENERATIONS} times; no more are possible.")
    item.regenerations += 1  # before the wait, so that a regeneration counts even if the client leaves
    revision = item.regenerations
    await call.provider.ground.pause(call.provider.ground.chance.uniform(*REGENERATING_SECONDS))
    item.styles[style] = (revision, stamp(datetime.now(UTC)))
    call.provider.bill(call.account, item, "regeneration", 0.0)
    made = samples.curated(_recording(item), style, revision)
    return JSONResponse({
        "id": item.id, "style": style, "chapters": made, "source": _source(item, "youtube", style),
    })  # fmt: skip


def _recording(item: SimulatedTranscription) -> Sample:
    return Sample(item.id, item.place, item.duration_seconds)


def _require_style(item: SimulatedTranscription, style: str) -> None:
    if style in item.styles:
        return
    cached = list(item.styles)
    message = (
        f"Posting chapters not generated for style={json.dumps(style)}. Cached styles: {', '.join(cached) or 'none'}. "
        f"Either retry with a cached style or POST /api/v1/transcriptions/{item.id}/timestamps/regenerate "
        "to add this one."
    )
    raise RefusalError(
        409, "not_ready", message, reason="artifact_missing", available_styles=cached, requested_style=style
    )


def _items(item: SimulatedTranscription, name: str, style: str) -> list[Item]:
    recording = _recording(item)
    if name == "original":
        return [Item(s["start_seconds"], s["title"]) for s in samples.sections(samples.chapters(recording))]
    if name == "show_notes":
        return [Item(c["start_seconds"], c["title"], c["summary"]) for c in samples.chapters(recording)]
    revision, _ = item.styles[style]
    made = samples.curated(recording, style, revision)
    return [Item(c["start_seconds"], c["title"], shareability=c["shareability"]) for c in made]


def _source(item: SimulatedTranscription, name: str, style: str) -> dict[str, Any]:
    completed_at = None if item.ended_at is None else stamp(item.ended_at)
    _, made_at = item.styles.get(style, (0, completed_at))
    return {
        "kind": SOURCES.get(name, "posting_chapters"),
        "generated_at": completed_at if name in SOURCES else made_at,
        "model": MODEL,
        "regen_count": item.regenerations,
        "available_styles": list(item.styles),
    }


def _check_prompt(prompt: object) -> None:
    if prompt is None:
        return
    if not isinstance(prompt, str) or len(prompt) > PROMPT_LENGTH:
        raise invalid(f"refine_prompt must be a text of at most {PROMPT_LENGTH} characters.")
    if INJECTION.search(prompt):
        raise invalid("refine_prompt looks like an instruction to the model; say what to focus on.")
