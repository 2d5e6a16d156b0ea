"""Write transcripts and the files of submissions into the folder or the bucket `RECEIVER_FILES`.

A transcription keeps the name that it got first: `receiver.file_names` says whose a name is. So two transcriptions with
one title have two names, and a transcription that ends again replaces its own files. A file that somebody else has
written is not replaced. The texts take their places while the row of the name is locked, right before the job is done.
A job that dies in between does it again, with the same bytes. What is older than the files never replaces them. Only
the files of a submission go into a bucket at once: of two ends at the same time, the one that is sent last stays.
"""

import asyncio
import json
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Protocol

from receiver import (
    Announcement,
    Context,
    Event,
    GiveUp,
    Transcript,
    handler,
    markdown,
    podcast_chapters,
    query,
    srt,
    vtt,
)

from . import _names
from ._bucket import opened
from ._folder import Folder
from ._front_matter import front_matter

HOUR = 3600
WITH_TEXT = ("transcription.completed", "translation.completed")
ARTIFACTS = "artifacts"
# No ending of a text is the end of another one's, so no two names meet. The files of a submission are in a folder.
ENDINGS = {
    "md": ".md", "txt": ".txt", "srt": ".srt", "vtt": ".vtt", "chapters": ".chapters.json", "artifacts": ".artifacts",
}  # fmt: skip


class Writer(Protocol):
    """What one try of a job writes into a folder or a bucket."""

    def has(self, path: str) -> bool:
        """Whether there is something at a path."""

    def put(self, path: str, content: bytes | Path) -> None:
        """Prepare a file."""

    def publish(self) -> None:
        """Let all of them take their places."""


@handler(*WITH_TEXT, "separation.completed", "enhancement.completed", timeout=HOUR, needs="RECEIVER_FILES")
def files(event: Event, ctx: Context) -> None:
    """Write one file for each format, unless those of a later end are there."""
    formats = (ctx.setting("RECEIVER_FILES_FORMATS") or "").split(",")
    contents: dict[str, bytes | Path] = {**_texts(event, ctx, formats)}
    if ARTIFACTS in formats:
        contents |= _artifacts(ctx)
    if not contents:
        return
    place = ctx.setting("RECEIVER_FILES") or ""
    with _opened(place, ctx) as writer:
        name = _named(event, ctx, writer, place)
        end = place, _names.folded(name), event.transcription.completed_at or ""
        if not ctx.wait(ctx.db.fetchval(query("handlers/is_older_end"), *end)):
            for ending, content in contents.items():
                writer.put(f"{name}{ending}", content)
        is_latest = ctx.wait(_publish(ctx, writer, end))
    if is_latest:
        ctx.log.info("wrote %s", ", ".join(f"{name}{ending}" for ending in contents))
    else:
        ctx.log.info("the files of a later end of transcription %s are already there", _id(event))


def _texts(event: Event, ctx: Context, formats: list[str]) -> dict[str, bytes]:
    """Return the text of each format by its ending."""
    wanted = [name for name in formats if name != ARTIFACTS]
    if not wanted or event.type not in WITH_TEXT:
        return {}
    transcript = ctx.wait(ctx.transcript())
    texts = {name: _text(name, event, ctx, transcript) for name in wanted if name != "chapters" or transcript.chapters}
    return {ENDINGS[name]: text.encode(errors="ignore") for name, text in texts.items()}


def _text(name: str, event: Event, ctx: Context, transcript: Transcript) -> str:
    """Return a transcript in a format."""
    title, cues = _title(event), ctx.setting("RECEIVER_CUES")
    match name:
        case "md":
            text = markdown(transcript, title=title)
            return front_matter(event, title, _ended_at(event, ctx)) + (f"\n{text}" if text else "")
        case "txt":
            return f"{transcript.text}\n"
        case "srt":
            return srt(transcript, cues=cues)
        case "vtt":
            return vtt(transcript, cues=cues)
    return json.dumps(podcast_chapters(transcript, title=title), ensure_ascii=False, indent=2) + "\n"


def _artifacts(ctx: Context) -> dict[str, Path]:
    """Return where the files of the submission lie on this machine, each by what comes after the name.

    Raises:
        Postpone: one is on another machine, or in a bucket that cannot be reached now.
    """
    found = dict[str, Path]()
    for one in ctx.wait(ctx.artifacts()):
        name = _names.part(one.name)
        while _names.folded(name) in map(_names.folded, found):
            name = f"_{name}"
        found[name] = ctx.wait(ctx.file(one))
    return {f"{ENDINGS[ARTIFACTS]}/{name}": path for name, path in found.items()}


def _opened(place: str, ctx: Context) -> AbstractContextManager[Writer]:
    if place.startswith("s3://"):
        return opened(place, ctx.wait)
    return Folder(place, ctx.idempotency_key)


def _named(event: Event, ctx: Context, writer: Writer, place: str) -> str:
    """Return the name of a transcription's files: the one that it has, or else the first that is free.

    Raises:
        GiveUp: none is free.
    """
    template, owner = ctx.setting("RECEIVER_FILES_NAME") or "", _owner(event, ctx)
    at = _ended_at(event, ctx)
    fields = {
        "date": "undated" if at is None else f"{at:%Y-%m-%d}",
        "title": _title(event), "id": owner[2], "source": owner[0], "account": ctx.account.account,
    }  # fmt: skip
    ours = _ours(ctx, place, owner)
    for name in _names.candidates(template, fields, owner):
        if template in ours:
            break
        folded = _names.folded(name)
        is_ours = folded in map(_names.folded, ours.values())
        if is_ours or not any(writer.has(f"{name}{ending}") for ending in ENDINGS.values()):
            ctx.wait(ctx.db.execute(query("handlers/take_file_name"), place, folded, name, *owner, template))
            ours = _ours(ctx, place, owner)  # another end of this transcription can have been quicker
    if template not in ours:
        raise GiveUp(
            f"every name that {_id(event)} could have is taken, by other transcriptions or by files of somebody else: "
            "change RECEIVER_FILES_NAME, then replay"
        )
    return ours[template]


def _ours(ctx: Context, place: str, owner: tuple[str, str, str]) -> dict[str, str]:
    """Return the names that a transcription's files have in a place, by their templates."""
    return {one["template"]: one["name"] for one in ctx.wait(ctx.db.fetch(query("handlers/file_names"), place, *owner))}


async def _publish(ctx: Context, writer: Writer, end: tuple[str, str, str]) -> bool:
    """Let the files take their places, and finish the job. Return whether they did: those of a later end stay."""
    async with ctx.completing() as tx:
        is_latest = await tx.fetchval(query("handlers/note_file_end"), *end) is not None
        if is_latest:
            await asyncio.to_thread(writer.publish)
    return is_latest


def _owner(event: Event, ctx: Context) -> tuple[str, str, str]:
    return event.source, ctx.account.api_url, _id(event)


def _id(event: Event) -> str:
    """Return the id of the transcription, or of the submission that brought files and no text."""
    submission = event.data.get("submission")
    found = event.transcription.id or (submission.get("id") if isinstance(submission, dict) else None)
    return str(found or event.id)


def _title(event: Event) -> str:
    """Return the title; the name of a recording without its ending."""
    return _names.without_media_ending(event.title or "") or _id(event)


def _ended_at(event: Event, ctx: Context) -> datetime | None:
    """Return when the transcription ended, or else when the event was made."""
    told = Announcement.of(event, ctx.account).timestamp
    return event.transcription.ended_at or (None if told is None else datetime.fromisoformat(told))
