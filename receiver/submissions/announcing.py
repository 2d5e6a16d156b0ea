"""The events that we write ourselves about a submission. Pure.

    submission             our own work; its job carries the submission out
    transcription.completed, transcription.failed, separation.completed, …       its end, for handlers
    submission.unknown, submission.overdue                                       for a person

An event's id is made of what it announces, so a crash cannot announce one thing twice.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from receiver import providers
from receiver.events import COSTS_NOTICE, DEAD_NOTICE, SUBMISSION, Event
from receiver.inbox.deliveries import Delivery
from receiver.inbox.jobs import SUBMISSIONS
from receiver.providers.archive import Subject
from receiver.submissions.records import Submission

Interested: TypeAlias = Callable[[str, str], Sequence[str]]  # a type and a source ──▶ the handlers that want it

UNKNOWN, OVERDUE = "submission.unknown", "submission.overdue"
# A diarization tells who said what: a transcription. The others have events under their own names.
TRANSCRIPTION = "transcription"
FAMILIES = {"diarization": TRANSCRIPTION}
ENDS = ("completed", "failed")
WITH_TEXT = frozenset({TRANSCRIPTION, "translation"})


def of_work(submission: Submission) -> Delivery:
    """Return the event whose job carries a submission out."""
    return _delivery(submission, (submission.id, SUBMISSION), submission.created_at, {}, (SUBMISSIONS,))


def of_end(submission: Submission, interested: Interested, about: Mapping[str, Any] | None = None) -> Delivery:
    """Return the event of a submission that has ended or failed.

    `about` is what a source that announces its ends itself says of the transcription. The handler fetches its
    text from that provider.
    """
    event_type, ended_at = type_of_end(submission), submission.ended_at or submission.created_at
    data: dict[str, Any] = {}
    if about is not None:
        data["transcription"] = dict(about)
    elif event_type.split(".")[0] in WITH_TEXT:
        data["transcription"] = {
            "id": submission.id,
            "status": event_type.split(".")[1],
            "language": submission.wishes.get("target_language", submission.wishes.get("language")),
            "title": submission.title,
            "duration_seconds": submission.duration_seconds,
            "completed_at": subject(submission).completed_at,
        }
    event_id = f"evt_{submission.id}_{submission.paid_tries}"
    return _delivery(submission, (event_id, event_type), ended_at, data, interested(event_type, submission.source))


def of_unknown(submission: Submission, interested: Interested) -> Delivery:
    """Return the event that tells a person that nobody knows whether a submission was carried out."""
    sent_at = submission.sent_at or submission.created_at
    # A work can get lost for a second time, after it was found, or after nothing came of another try: another event.
    found_at = submission.accepted_at
    again = f"_{found_at:%Y%m%d%H%M%S}" if found_at is not None and found_at >= sent_at else ""
    again += f"_of_{submission.permitted_tries}" if submission.is_permitted else ""
    event_id = f"evt_{submission.id}_unknown_{submission.paid_tries}{again}"
    return _delivery(submission, (event_id, UNKNOWN), sent_at, {}, interested(UNKNOWN, submission.source))


def of_overdue(submission: Submission, interested: Interested) -> Delivery:
    """Return the event that tells a person that a submission takes too long. It is still looked at."""
    accepted_at = submission.accepted_at or submission.created_at
    event_id = f"evt_{submission.id}_overdue_{submission.paid_tries}"
    return _delivery(submission, (event_id, OVERDUE), accepted_at, {}, interested(OVERDUE, submission.source))


def family_of(operation: str) -> str:
    """Return what the events of an operation's end begin with."""
    return FAMILIES.get(operation, operation)


def known_types() -> list[str]:
    """Return the types of events that we write or that a source documents. A source can have others at any time."""
    families = {family_of(operation) for source in providers.SOURCES for operation in source.operations}
    ends = [f"{family}.{end}" for family in sorted(families) for end in ENDS]
    return [*ends, "webhook.test", UNKNOWN, OVERDUE, DEAD_NOTICE, COSTS_NOTICE]


def brings_text(submission: Submission) -> bool:
    """Whether its operation brings a text."""
    return family_of(submission.operation) in WITH_TEXT


def transcript_id(submission: Submission) -> str | None:
    """Return the id by which a submission's transcript is known; None if it has brought none."""
    if submission.state != "done" or not brings_text(submission):
        return None
    source = providers.by_name(submission.source)
    return submission.remote_id if source is not None and source.announces else submission.id


def type_of_end(submission: Submission) -> str:
    """Return the type of the event that announces a submission's end."""
    return f"{family_of(submission.operation)}.{'failed' if submission.state == 'failed' else 'completed'}"


def subject(submission: Submission) -> Subject:
    """Return what the archive keeps a submission's result under; its event says the same."""
    ended_at = "" if submission.ended_at is None else submission.ended_at.astimezone(UTC).isoformat()
    return Subject(submission.source, submission.api_url, submission.id, ended_at)


def _delivery(
    submission: Submission, named: tuple[str, str], created: datetime, data: Mapping[str, Any], handlers: Sequence[str]
) -> Delivery:
    """Return an event, `named` by its id and its type."""
    told = {
        "id": submission.id,
        "provider": submission.source,
        "account": submission.account,
        "operation": submission.operation,
        "recording": submission.recording,
        "remote_id": submission.remote_id,
        "charged": submission.charged,
        "unit": submission.unit,
        "error": submission.error,
        "options": submission.options,
    }
    if "target_language" in submission.wishes:
        told["target_language"] = submission.wishes["target_language"]
    event_id, event_type = named
    envelope = {
        "id": event_id, "event": event_type, "created": created.timestamp(), "data": {"submission": told} | dict(data),
    }  # fmt: skip
    content = providers.read(submission.source, json.dumps(envelope, ensure_ascii=False).encode())
    assert isinstance(content, Event), content.reason
    return Delivery(content, submission.api_url, "", tuple(handlers), submission.account, own="submission")
