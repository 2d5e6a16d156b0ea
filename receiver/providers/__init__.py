"""The sources: a module or a package for each, and what is built on them.

seam             what each source offers
orders           what a source is asked for, and what it answers
transcribe_so/   transcribe.so
timbr/           Timbr
timbr_audio      the Timbr audio API
  ▶ timbr_audio_answers  its jobs, links and refusals. Pure
fishaudio        fishaudio
openai           any OpenAI-compatible server
  ▶ openai_answers  its transcripts and refusals. Pure
thunderscribe    ThunderScribe: such a server, to which files are uploaded before
offers           what each source offers: operations, options, ranges. Pure
content          a finished transcription: from the archive, or from the provider, or regenerated
  ▶ archive      the provider's answers; each is fetched once
  ▶ regenerations  titles made anew: an intent before each request, at most ten
opening          a client with the budget that all processes share
  ▶ budget       the requests of one key, over all processes
    ▶ rate       how fast one key can ask. Pure
  ▶ tokens       the token of one client, over all processes
calls            requests: their turns, their key, their retries
  ▶ tries        whether a request is sent again, and under which key
  ▶ asked        what was asked, for whoever counts
  ▶ exchange     one request and its answer: its deadline, its size, and what a broken connection means
    ▶ bodies     forms and files, sent piece by piece
    ▶ endpoints  the path of a request without ids. Pure
refusals         what the refusals of all sources have in common. Pure
lax              what providers write, whatever it turns out to be. Pure
files            the files of a result: their names, which strangers chose, and the text in one. Pure
tus              uploads in pieces
downloads/       files from links, whole or not at all
destinations     the addresses of files that an answer can name
egress           every HTTP client: the proxies and certificates of the environment

Only transcribe.so sends webhooks, to `/webhooks/transcribe-so`.
"""

from receiver import events
from receiver.events import RECONCILED, Event, Unreadable
from receiver.providers.fishaudio import FishAudio
from receiver.providers.openai import OpenAI
from receiver.providers.seam import Source
from receiver.providers.thunderscribe import ThunderScribe
from receiver.providers.timbr import Timbr
from receiver.providers.timbr_audio import TimbrAudio
from receiver.providers.transcribe_so import Recording, TranscribeSo

__all__ = [
    "SOURCES", "FishAudio", "OpenAI", "Recording", "Source", "ThunderScribe", "Timbr", "TimbrAudio", "TranscribeSo",
    "by_name", "read", "read_stored",
]  # fmt: skip

SOURCES: tuple[type[Source], ...] = (TranscribeSo, Timbr, TimbrAudio, FishAudio, ThunderScribe, OpenAI)


_BY_NAME: dict[str, type[Source]] = {source.name: source for source in SOURCES}


def by_name(source: str) -> type[Source] | None:
    """Return the class of a source; None if this version has none of that name."""
    return _BY_NAME.get(source)


def read(source: str, raw: bytes) -> Event | Unreadable:
    """Return the event in the body of a source's authentic delivery, or say why it is unreadable. Never raise."""
    known = by_name(source)
    if known is None:
        return events.unreadable(source, raw, f"this version knows no source {source}")
    return known.read(raw)


def read_stored(source: str, raw: bytes, origin: str, event_id: str) -> Event | Unreadable:
    """Return the event in a body that is stored, by its origin, or say why it is unreadable. Never raise."""
    known = by_name(source)
    if known is None or origin != RECONCILED:
        return read(source, raw)
    return known.read_item(raw, event_id)
