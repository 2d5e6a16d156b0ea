"""A typed client for the transcribe.so API.

    client.TranscribeSo: one method for each endpoint ──▶ providers.calls ──▶ the API
          │                                                      └──▶ envelope.error_from: the error for a refusal
          ├──▶ reading: large answers piece by piece ──▶ answers, results: pydantic models
          └──▶ payload: the event in a delivery

Names are the provider's. Source: the API reference v1 of transcribe.so, and its published command-line client 0.1.0.
"""

from receiver.providers.transcribe_so.answers import (
    MeAnswer,
    PipelineAnswer,
    QuoteAnswer,
    TimestampsAnswer,
    TranscriptionStatus,
    WebhookAnswer,
    parse,
)
from receiver.providers.transcribe_so.client import TranscribeSo
from receiver.providers.transcribe_so.envelope import NotReady
from receiver.providers.transcribe_so.reading import read, read_result
from receiver.providers.transcribe_so.recording import Recording, source_of
from receiver.providers.transcribe_so.results import Result

__all__ = [
    "MeAnswer",
    "NotReady",
    "PipelineAnswer",
    "QuoteAnswer",
    "Recording",
    "Result",
    "TimestampsAnswer",
    "TranscribeSo",
    "TranscriptionStatus",
    "WebhookAnswer",
    "parse",
    "read",
    "read_result",
    "source_of",
]
