"""Receive webhooks durably and run handlers on their events. Handlers import everything from here.

The packages (rooms) in their layers (floors), top first. A module imports from lower floors only:

    cli | testing                      options in, text out | fixtures for users' own tests
    assistants | console | web         questions of assistants | pages | receive ▶ durable ▶ answer
      | worker | sandbox | deploy      claim ▶ run ▶ settle | simulated providers | files to run it elsewhere
    health                             checks, and what keeps a process alive
    submissions                        what we asked a provider for
    webhooks | handling                what proves a delivery | the handlers' side
    providers | inbox                  how we ask a provider | what is kept of deliveries
    database | server                  PostgreSQL | HTTP within bounds
    transcripts | settings             the common shape of a transcript | the settings
    events | signature | failpoints    what a delivery announces | what proves it | where a test can kill a process
    logs                               logging
    errors                             by the code that catches them

On no floor are `__main__`, which starts `cli`, and `bundled`, which has the bundled handlers.

The `__init__` of each room lists its modules. The contracts in `pyproject.toml` enforce the floors.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from receiver.database import query
    from receiver.errors import (
        GiveUp,
        InsufficientFunds,
        InvalidRequest,
        LeaseLostError,
        NotFound,
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
    from receiver.handling.announcement import Announcement
    from receiver.handling.failed import reason
    from receiver.inbox.artifacts import Artifact
    from receiver.inbox.buckets import Bucket
    from receiver.inbox.retry import RetryPolicy
    from receiver.logs.unanswered import why
    from receiver.logs.unseen import is_unseen
    from receiver.providers import Recording, TranscribeSo
    from receiver.providers.destinations import keep_to
    from receiver.providers.transcribe_so import NotReady, Result, TimestampsAnswer, TranscriptionStatus, parse
    from receiver.settings.said import setting, targets
    from receiver.settings.streams import Stream
    from receiver.settings.targets import Target
    from receiver.signature import signed
    from receiver.transcripts import Chapter, QnA, Section, Segment, Timestamps, Transcript, Word
    from receiver.transcripts.documents import markdown, podcast_chapters
    from receiver.transcripts.subtitles import srt, vtt

__all__ = [
    "Announcement",
    "Artifact",
    "Bucket",
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
    "Stream",
    "Target",
    "Timestamps",
    "TimestampsAnswer",
    "TranscribeSo",
    "Transcript",
    "Transcription",
    "TranscriptionStatus",
    "Unauthenticated",
    "Word",
    "handler",
    "is_unseen",
    "keep_to",
    "markdown",
    "parse",
    "podcast_chapters",
    "query",
    "reason",
    "setting",
    "signed",
    "srt",
    "targets",
    "vtt",
    "why",
]

if not TYPE_CHECKING:
    # Each name is imported when it is first used. All of them take a quarter of a second, and during that time a
    # command could not react to Ctrl-C.
    _HOMES = {
        "receiver.database": "query",
        "receiver.transcripts.documents": "markdown podcast_chapters",
        "receiver.errors": (
            "GiveUp InsufficientFunds InvalidRequest LeaseLostError NotFound PaymentRequired Postpone "
            "ProviderError ProviderUnavailable RateLimited Retry Unauthenticated"
        ),
        "receiver.events": "Event Transcription",
        "receiver.handling": "Context Handler handler",
        "receiver.handling.announcement": "Announcement",
        "receiver.handling.failed": "reason",
        "receiver.providers": "Recording TranscribeSo",
        "receiver.providers.transcribe_so": "NotReady Result TimestampsAnswer TranscriptionStatus parse",
        "receiver.providers.destinations": "keep_to",
        "receiver.settings.streams": "Stream",
        "receiver.settings.targets": "Target",
        "receiver.signature": "signed",
        "receiver.settings.said": "setting targets",
        "receiver.logs.unanswered": "why",
        "receiver.logs.unseen": "is_unseen",
        "receiver.inbox.artifacts": "Artifact",
        "receiver.inbox.buckets": "Bucket",
        "receiver.inbox.retry": "RetryPolicy",
        "receiver.transcripts.subtitles": "srt vtt",
        "receiver.transcripts": "Chapter QnA Section Segment Timestamps Transcript Word",
    }

    def __getattr__(name: str) -> Any:
        for home, names in _HOMES.items():
            if name in names.split():
                globals()[name] = getattr(importlib.import_module(home), name)
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
