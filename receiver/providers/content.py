"""What a finished transcription holds: as it is stored, else as the provider has it, else made anew.

    stored ──no──▶ is there a key? ──yes──▶ the provider, by way of the archive, which keeps it
      └─ of the key's API; without a key of the only one that has such an answer here

Nothing of it is charged but what is made anew.
"""

from dataclasses import replace

from receiver.errors import ImpossibleError
from receiver.providers.archive import Archive, Subject
from receiver.providers.transcribe_so import TranscriptionStatus
from receiver.providers.transcribe_so.answers import NEVER_STARTED
from receiver.transcripts import Timestamps, Transcript

BALANCED = "balanced"  # the style of titles that the provider makes by itself


async def transcript(archive: Archive, transcription_id: str) -> Transcript:
    """Return a transcript with its title; what the provider is asked for is kept.

    Raises:
        ImpossibleError: it is not stored and there is no key, or the transcription did not complete.
    """
    whose = await _whose(archive, transcription_id, "result")
    stored = await archive.stored_transcript(whose, transcription_id)
    if stored is not None:
        return stored
    _require_key(archive, f"the transcript of {transcription_id}")
    status = await archive.provider.get(transcription_id)
    require_completed(status)
    subject = Subject.of(archive.provider, status.id, status.completed_at)
    await archive.keep_title(subject, status.title)
    return replace(await archive.transcript(subject), title=status.title)


async def timestamps(archive: Archive, transcription_id: str, format: str, style: str | None) -> Timestamps:  # noqa: A002 - the provider's word
    """Return paste-ready timestamps; without a `style` the balanced one, else of those that are stored any other.

    Raises:
        ImpossibleError: they are not stored and there is no key.
        NotReady: this style was never made; `available_styles` can be had for nothing.
    """
    whose = await _whose(archive, transcription_id, f"timestamps/{format}/%")
    for wanted in (style,) if style else (BALANCED, None):
        stored = await archive.stored_timestamps(whose, transcription_id, format, wanted)
        if stored is not None:
            return stored
    _require_key(archive, f"the {format} timestamps of {transcription_id}")
    return await archive.timestamps(await archive.subject(transcription_id), format, style or BALANCED)


async def regenerable(archive: Archive, transcription_id: str) -> Subject:
    """Return what has timestamps that can be made anew, by `Archive.regenerate`.

    Raises:
        ImpossibleError: it has not completed. It would be refused, and counted here all the same.
    """
    status = await archive.provider.get(transcription_id)
    if status.status != "completed":
        raise ImpossibleError(f"transcription {status.id} is {status.status}; only a completed one has timestamps")
    return Subject.of(archive.provider, status.id, status.completed_at)


def require_completed(status: TranscriptionStatus) -> None:
    """Raise what a person reads where a transcription did not complete.

    Raises:
        ImpossibleError: it failed or was cancelled, or has not ended.
    """
    if status.status == "failed":
        said = (status.model_extra or {}).get("error")
        reason = f": {said.rstrip('.')}" if isinstance(said, str) else ""
        raise ImpossibleError(f"transcription {status.id} failed{reason}; `receiver retry {status.id}` starts it again")
    if status.status != "completed":  # and only a failed one can be started again
        will_end = not status.is_terminal and status.status != NEVER_STARTED
        yet = " yet: try again when it has ended" if will_end else ""
        raise ImpossibleError(f"transcription {status.id} is {status.status}, so it has no transcript{yet}")


async def _whose(archive: Archive, transcription_id: str, kind: str) -> str:
    """Return the API whose transcription is meant.

    Raises:
        ImpossibleError: several APIs have one of this id, and no key says which.
    """
    configured = archive.provider.api_url
    if archive.provider.has_key:
        return configured
    found = await archive.apis(transcription_id, kind)
    if configured in found or not found:
        return configured
    if len(found) > 1:
        choices = " or ".join(found)
        raise ImpossibleError(f"{transcription_id} of several APIs is stored: set TRANSCRIBE_API_URL to {choices}")
    return found[0]


def _require_key(archive: Archive, what: str) -> None:
    if not archive.provider.has_key:
        raise ImpossibleError(f"not stored: {what}; set TRANSCRIBE_API_KEY to ask {archive.provider.api_url}")
