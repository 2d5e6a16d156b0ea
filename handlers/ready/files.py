"""Write transcripts and the files of submissions into the folder or the bucket `RECEIVER_FILES`.

A transcription keeps the name that it got first: `receiver.file_names` says whose a name is. So two transcriptions with
one title have two names, and a transcription that ends again replaces its own files. A file that somebody else has
written is not replaced. The files take their places while the row of the name is locked, right before the job is done.
A job that dies in between does it again, with the same bytes. What is older than the files never replaces them.
"""

import asyncio
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from receiver import Context, Event, GiveUp, Postpone, Transcript, handler, markdown, podcast_chapters, query, srt, vtt

from . import _names
from ._bucket import Bucket
from ._folder import Folder
from ._front_matter import front_matter

HOUR = 3600
WAIT_SECONDS = 60
WITH_TEXT = ("transcription.completed", "translation.completed")
ARTIFACTS = "artifacts"
# No ending of a text is the end of another one's, so no two names meet. The files of a submission are in a folder.
ENDINGS = {
    "md": ".md", "txt": ".txt", "srt": ".srt", "vtt": ".vtt", "chapters": ".chapters.json", "artifacts": ".artifacts",
}  # fmt: skip


class Place(Protocol):
    """Where one try of a job writes: a folder or a bucket."""

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
    target = ctx.setting("RECEIVER_FILES") or ""
    with _opened(target, ctx.idempotency_key) as place:
        name = _named(event, ctx, place, target)
        for ending, content in contents.items():
            place.put(f"{name}{ending}", content)
        written = ctx.wait(_publish(event, ctx, place, (target, _names.folded(name))))
    if written:
        ctx.log.info("wrote %s", ", ".join(f"{name}{ending}" for ending in contents))
    else:
        ctx.log.info("the files of a later end of transcription %s are already there", _id(event))


def _texts(event: Event, ctx: Context, formats: list[str]) -> dict[str, bytes]:
    """Return the text of each format by its ending."""
    wanted = [name for name in formats if name != ARTIFACTS]
    if not wanted or event.type not in WITH_TEXT:
        return {}
    transcript = ctx.wait(ctx.transcript())
    return {ENDINGS[name]: _text(name, event, ctx, transcript).encode(errors="ignore") for name in wanted}


def _text(name: str, event: Event, ctx: Context, transcript: Transcript) -> str:
    """Return a transcript in a format."""
    title, cues = _title(event), ctx.setting("RECEIVER_CUES")
    match name:
        case "md":
            text = markdown(transcript, title=title)
            return front_matter(event, title) + (f"\n{text}" if text else "")
        case "txt":
            return f"{transcript.text}\n"
        case "srt":
            return srt(transcript, cues=cues)
        case "vtt":
            return vtt(transcript, cues=cues)
    return json.dumps(podcast_chapters(transcript, title=title), ensure_ascii=False, indent=2) + "\n"


def _artifacts(ctx: Context) -> dict[str, Path]:
    """Return where the files of the submission lie, each by what comes after the name.

    Raises:
        Postpone: one is not on this machine.
    """
    found = dict[str, Path]()
    for one in ctx.wait(ctx.artifacts()):
        if not one.path.is_file():
            raise Postpone(f"{one.name} is not on this machine: run a worker where {one.place} is", after=WAIT_SECONDS)
        name = _names.part(one.name)
        while _names.folded(name) in map(_names.folded, found):
            name = f"_{name}"
        found[name] = one.path
    return {f"{ENDINGS[ARTIFACTS]}/{name}": path for name, path in found.items()}


def _opened(target: str, key: str) -> AbstractContextManager[Place]:
    return Bucket(target) if target.startswith("s3://") else Folder(target, key)


def _named(event: Event, ctx: Context, place: Place, target: str) -> str:
    """Return the name of a transcription's files: the one that it has, or else the first that is free.

    Raises:
        GiveUp: none is free.
    """
    template, owner = ctx.setting("RECEIVER_FILES_NAME") or "", _owner(event, ctx)
    known = ctx.wait(ctx.db.fetchval(query("handlers/find_file_name"), target, *owner, template))
    if known is not None:
        return str(known)
    about = event.transcription
    date = "undated" if about.ended_at is None else f"{about.ended_at:%Y-%m-%d}"
    fields = {
        "date": date, "title": _title(event), "id": owner[2], "source": owner[0], "account": ctx.account.account,
    }  # fmt: skip
    for number, name in enumerate(_names.candidates(template, fields, owner)):
        if number == 0 and any(place.has(f"{name}{ending}") for ending in ENDINGS.values()):
            continue  # somebody else's file; the other names have the id
        free = ctx.db.fetchval(
            query("handlers/take_file_name"), target, _names.folded(name), name, *owner, template
        )  # fmt: skip
        if ctx.wait(free) is not None:
            return name
    raise GiveUp(f"other transcriptions have every name that {_id(event)} could have")


async def _publish(event: Event, ctx: Context, place: Place, name: tuple[str, str]) -> bool:
    """Let the files take their places, and finish the job. Return whether they did: those of a later end stay."""
    ended_at = event.transcription.completed_at or ""
    async with ctx.completing() as tx:
        is_latest = await tx.fetchval(query("handlers/note_file_end"), *name, ended_at) is not None
        if is_latest:
            await asyncio.to_thread(place.publish)
    return is_latest


def _owner(event: Event, ctx: Context) -> tuple[str, str, str]:
    return event.source, ctx.account.api_url, _id(event)


def _id(event: Event) -> str:
    """Return the id of the transcription, or of the submission that brought files and no text."""
    submission = event.data.get("submission")
    found = event.transcription.id or (submission.get("id") if isinstance(submission, dict) else None)
    return str(found or event.id)


def _title(event: Event) -> str:
    submission = event.data.get("submission")
    recording = submission.get("recording") if isinstance(submission, dict) else None
    return event.transcription.title or str(recording or _id(event))
