"""A typed client for the transcribe.so API.

    client.TranscribeSo: one method for each endpoint ──▶ calls.Calls: budget, deadline, retries, keys ──▶ the API
          │                                                      └──▶ envelope.error_from: an error by its code
          └──▶ answers: pydantic models, which keep fields they do not know

Names are the provider's. Source: the API reference v1 of transcribe.so, and its published command-line client 0.1.0.
"""

from receiver.providers.transcribe_so.answers import (
    Account,
    Callback,
    Include,
    Pipeline,
    Quote,
    Result,
    TimestampsAnswer,
    TranscriptionStatus,
    TusUpload,
    Upload,
    Webhook,
    parse,
)
from receiver.providers.transcribe_so.calls import RETRY_SECONDS, UNREACHABLE
from receiver.providers.transcribe_so.client import SOURCE, TranscribeSo
from receiver.providers.transcribe_so.recording import Recording, source_of

__all__ = [
    "RETRY_SECONDS",
    "SOURCE",
    "UNREACHABLE",
    "Account",
    "Callback",
    "Include",
    "Pipeline",
    "Quote",
    "Recording",
    "Result",
    "TimestampsAnswer",
    "TranscribeSo",
    "TranscriptionStatus",
    "TusUpload",
    "Upload",
    "Webhook",
    "parse",
    "source_of",
]
