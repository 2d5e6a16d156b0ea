"""Receive webhooks durably and run handlers on what they announce. Handlers import everything from here."""

from receiver.database import query
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
from receiver.retry import RetryPolicy
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
    "Retry",
    "RetryPolicy",
    "Section",
    "Segment",
    "Timestamps",
    "Transcript",
    "Transcription",
    "Unauthenticated",
    "handler",
    "query",
]
