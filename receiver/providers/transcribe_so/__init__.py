"""A typed client for the transcribe.so API.

    source.TranscribeSo: what every source has; its events ──▶ payload, its files ──▶ uploading
      └──▶ client.Client: one method for each endpoint ──▶ providers.calls ──▶ the API
             │                                                   └──▶ envelope.error_from: the error for a refusal
             ├──▶ pages: the list, item by item
             └──▶ reading: large answers piece by piece ──▶ answers, results: pydantic models

wire         fields, cursors and paths of a request. Pure
recording    a recording in the provider's words. Pure
prices       what a length costs. Pure

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
from receiver.providers.transcribe_so.envelope import NotReady
from receiver.providers.transcribe_so.pages import Listed
from receiver.providers.transcribe_so.reading import read, read_result
from receiver.providers.transcribe_so.recording import Recording, source_of
from receiver.providers.transcribe_so.results import Result
from receiver.providers.transcribe_so.source import LIMIT_BYTES, LISTED, Transcribe, TranscribeSo, is_of, recording_of

__all__ = [
    "LIMIT_BYTES",
    "LISTED",
    "Listed",
    "MeAnswer",
    "NotReady",
    "PipelineAnswer",
    "QuoteAnswer",
    "Recording",
    "Result",
    "TimestampsAnswer",
    "Transcribe",
    "TranscribeSo",
    "TranscriptionStatus",
    "WebhookAnswer",
    "is_of",
    "parse",
    "read",
    "read_result",
    "recording_of",
    "source_of",
]
