"""A transcript that is here already, as the file with subtitles that an operation works on.

    sub_…             ──▶ the subtitles that its provider made, or else made of its transcript ──┐
    transcribe.so/ID  ──▶ made of the archive's transcript, or of the provider's ────────────────┴──▶ TITLE.srt

The same transcript is the same file on every machine, so what is asked of it is the same submission. It has a cue for
each segment, so that what comes back has the segments' times.
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from receiver.database import Pool
from receiver.errors import ImpossibleError
from receiver.providers import SOURCES, Source, TranscribeSo, content
from receiver.providers.archive import Archive
from receiver.providers.opening import open_client
from receiver.providers.orders import Media
from receiver.settings import Account, Settings
from receiver.submissions import ids, results
from receiver.transcripts import subtitles

_NAMES = "|".join(re.escape(source.name) for source in SOURCES)
_OF_SOURCE = re.compile(rf"({_NAMES})/([^/]+)")
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f/\\]+")  # in the name of a file


def is_name(typed: str) -> bool:
    """Whether a text names a transcript, and no file."""
    return (ids.is_id(typed) or _OF_SOURCE.fullmatch(typed) is not None) and not Path(typed).exists()


def require_allowed(source: type[Source], operation: str, given: Sequence[str]) -> None:
    """Refuse the name of a transcript where the operation works on recordings.

    Raises:
        ImpossibleError: there is one.
    """
    for typed in given:
        if is_name(typed) and not source.operations[operation].of_subtitles:
            raise ImpossibleError(
                f"{typed} names a transcript, and {source.name} makes a {operation} of a recording: nothing was sent"
            )


async def subtitled(db: Pool, url: str, configured: Settings, given: Sequence[str], folder: Path) -> dict[str, Media]:
    """Write the subtitles of each transcript that is named into a file. Return the files, called TITLE.srt, by name.

    Args:
        db: the database.
        url: where that is.
        configured: the settings. The chosen account's transcriptions of transcribe.so can be meant.
        given: what is handed in; only the names of transcripts are looked at.
        folder: where the files are written.

    Raises:
        ImpossibleError: there is no such transcript, or not yet, or nothing is said in it.
    """
    found = dict[str, Media]()
    for number, typed in enumerate(filter(is_name, given)):
        title, raw = await _subtitles(db, url, configured, typed)
        path = folder / f"{number}.srt"
        await asyncio.to_thread(path.write_bytes, raw)
        found[typed] = Media(path, f"{title}.srt", len(raw))
    return found


async def _subtitles(db: Pool, url: str, configured: Settings, typed: str) -> tuple[str, bytes]:
    """Return the title of a transcript, and its subtitles."""
    named = _OF_SOURCE.fullmatch(typed)
    source, number = named.groups() if named else (None, typed)
    if source == TranscribeSo.name:
        title, raw = await _of_transcribe_so(db, url, configured.chosen, number)
    elif (there := await results.at_provider(db, number, configured)) is not None:
        title, raw = await _of_transcribe_so(db, url, there[0].chosen, there[1])
    else:
        submission, raw = await results.stored_subtitles(db, number)
        if source not in (None, submission.source):
            raise ImpossibleError(f"{number} is a submission to {submission.source}, not to {source}")
        title = submission.title
    if b"-->" not in raw.replace(b"\0", b""):
        raise ImpossibleError(f"nothing is said in {typed}, so it has no subtitles")
    return _plain(title or "") or _plain(number), raw


async def _of_transcribe_so(db: Pool, url: str, reader: Account, number: str) -> tuple[str | None, bytes]:
    """Return the title of a transcription of transcribe.so, and its subtitles."""
    async with open_client(TranscribeSo, reader, url) as provider:
        found = await content.transcript(Archive(provider, db), number)
    return found.title, subtitles.srt(found, cues="provider").encode()


def _plain(title: str) -> str:
    return _UNUSABLE.sub("_", title.encode(errors="replace").decode()).strip(" .")
