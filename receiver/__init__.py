"""Receive webhooks durably and run handlers on what they announce. Handlers import everything from here.

    deliveries    web ▶ signature, events ▶ inbox, or spool while the database is away
    work          worker ▶ jobs, retry, handling (Context), archive (provider's answers), threads; registry finds them;
                  replay runs them again
    provider      providers ▶ budget
    webhooks      registration, callbacks, rotation; webhooks: which secrets verify, and registering by itself
    submissions   submissions ▶ uploads, notebook, media; content: what a finished one holds
    health        what must hold, in one shape; organs: what runs in the background; presence: who runs
    texts         transcripts, subtitles, documents
    database      database ▶ session (a connection with our settings), dsn (where to), outages (what an error means);
                  migrations, embedded; hint (that there is something new there)
    ground        cli ▶ settings, addresses, egress (every HTTP client), private (files that are ours alone), watchdog
    told          logs, seldom, streams; reasons (an error as a stored text), redaction (what of an address is shown)
    tests         errors, failpoints; sandbox, testing

Which of them may import which stands in `pyproject.toml`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from receiver.database import query
    from receiver.documents import markdown, podcast_chapters
    from receiver.errors import (
        GiveUp,
        InsufficientFunds,
        InvalidRequest,
        LeaseLostError,
        NotFound,
        NotReady,
        PaymentRequired,
        Postpone,
        ProviderError,
        ProviderUnavailable,
        RateLimited,
        Retry,
        Unauthenticated,
    )
    from receiver.events import Event, Transcription
    from receiver.handling import Context, Handler, handler
    from receiver.providers import Recording, TranscribeSo
    from receiver.providers.transcribe_so import Result, TimestampsAnswer, TranscriptionStatus, parse
    from receiver.retry import RetryPolicy
    from receiver.subtitles import srt, vtt
    from receiver.transcripts import Chapter, QnA, Section, Segment, Timestamps, Transcript

__all__ = [
    "Chapter",
    "Context",
    "Event",
    "GiveUp",
    "Handler",
    "InsufficientFunds",
    "InvalidRequest",
    "LeaseLostError",
    "NotFound",
    "NotReady",
    "PaymentRequired",
    "Postpone",
    "ProviderError",
    "ProviderUnavailable",
    "QnA",
    "RateLimited",
    "Recording",
    "Result",
    "Retry",
    "RetryPolicy",
    "Section",
    "Segment",
    "Timestamps",
    "TimestampsAnswer",
    "TranscribeSo",
    "Transcript",
    "Transcription",
    "TranscriptionStatus",
    "Unauthenticated",
    "handler",
    "markdown",
    "parse",
    "podcast_chapters",
    "query",
    "srt",
    "vtt",
]

if not TYPE_CHECKING:
    # Imported when they are first asked for: all of them take a quarter of a second, in which a command could not yet
    # say a word, not even to Ctrl-C.
    _HOMES = {
        "receiver.database": "query",
        "receiver.documents": "markdown podcast_chapters",
        "receiver.errors": (
            "GiveUp InsufficientFunds InvalidRequest LeaseLostError NotFound NotReady PaymentRequired Postpone "
            "ProviderError ProviderUnavailable RateLimited Retry Unauthenticated"
        ),
        "receiver.events": "Event Transcription",
        "receiver.handling": "Context Handler handler",
        "receiver.providers": "Recording TranscribeSo",
        "receiver.providers.transcribe_so": "Result TimestampsAnswer TranscriptionStatus parse",
        "receiver.retry": "RetryPolicy",
        "receiver.subtitles": "srt vtt",
        "receiver.transcripts": "Chapter QnA Section Segment Timestamps Transcript",
    }

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names.split():
                globals()[name] = getattr(importlib.import_module(home), name)
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
