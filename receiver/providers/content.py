"""Find the content of a finished transcription: stored here, or at the provider.

    stored? ──no──▶ is there a key? ──yes──▶ the provider; the archive keeps its answer
      └─ for the key's API; without a key, for the only API that has a stored answer

Reading is free. Only a regeneration is charged.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeAlias

from receiver.errors import ImpossibleError
from receiver.providers.archive import Archive, Subject
from receiver.providers.regenerations import Before
from receiver.providers.transcribe_so import NotReady, TranscriptionStatus, wire
from receiver.providers.transcribe_so.answers import NEVER_STARTED
from receiver.transcripts import Timestamps, Transcript

BALANCED = "balanced"  # the style of titles that the provider makes unasked
STYLES = (BALANCED, "punchy", "educational")
PROMPT_LENGTH = 200  # characters, of a regeneration's prompt

Confirm: TypeAlias = Callable[[Before], None]


async def transcript(archive: Archive, transcription_id: str) -> Transcript:
    """Return a transcript with its title, and keep a fetched one.

    Raises:
        ImpossibleError: the transcript is not stored and there is no key, or the transcription did not complete.
        InvalidRequest: no transcription can have this id.
    """
    transcription_id = wire.number(transcription_id.strip())
    api_url = await _api_of(archive, transcription_id, "result")
    stored = await archive.stored_transcript(api_url, transcription_id)
    if stored is not None:
        return stored
    _require_key(archive, f"the transcript of {transcription_id}")
    status = await archive.provider.get(transcription_id)
    require_completed(status)
    subject = Subject.of(archive.provider, status.id, status.completed_at)
    await archive.keep_title(subject, status.title)
    return replace(await archive.transcript(subject), title=status.title)


async def text(archive: Archive, ended: TranscriptionStatus) -> str:
    """Return the text of a transcription that has ended; empty if it did not complete."""
    if ended.status != "completed":
        return ""
    return (await archive.transcript(Subject.of(archive.provider, ended.id, ended.completed_at))).text


async def timestamps(archive: Archive, transcription_id: str, format: str, style: str | None) -> Timestamps:  # noqa: A002 - the provider's word
    """Return paste-ready timestamps. Without a `style` prefer the balanced style, then any stored style.

    Raises:
        ImpossibleError: the timestamps are not stored and there is no key.
        InvalidRequest: no transcription can have this id.
        NotReady: the transcription has not ended, or this `style` was never made; the `available_styles` are free.
    """
    transcription_id = wire.number(transcription_id.strip())
    api_url = await _api_of(archive, transcription_id, f"timestamps/{format}/%")
    for kept in (style,) if style else (BALANCED, None):
        stored = await archive.stored_timestamps(api_url, transcription_id, format, kept)
        if stored is not None:
            return stored
    _require_key(archive, f"the {format} timestamps of {transcription_id}")
    wanted = style or BALANCED
    try:
        return await archive.timestamps(await archive.subject(transcription_id), format, wanted)
    except NotReady as exc:
        if not exc.available_styles:
            raise
        # The provider's message names a request of its API.
        raise NotReady(
            f"the timestamps of {transcription_id} were never made in the style {wanted}", code=exc.code, status=None,
            request_id=exc.request_id, reason=exc.reason, available_styles=exc.available_styles, style=wanted,
        ) from exc  # fmt: skip


def require_chapters(found: Timestamps, transcription_id: str) -> None:
    """Refuse timestamps without a text.

    Raises:
        ImpossibleError: the transcription has no chapters.
    """
    if not found.text.strip():
        why = "".join(f"; {warning}" for warning in found.warnings)
        raise ImpossibleError(f"transcription {transcription_id} has no chapters, so there is nothing to paste{why}")


async def regenerate(
    archive: Archive, transcription_id: str, format: str, *, style: str | None, prompt: str,  # noqa: A002 - the provider's word
    by: str, confirm: Confirm | None, working: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Timestamps:  # fmt: skip
    """Have the titles of a style made anew, which may be charged. Return the new timestamps.

    What was asked for in the last 23 hours, and has no answer, goes on and is not asked for a second time.

    Args:
        archive: the provider's answers.
        transcription_id: the transcription.
        format: of the timestamps.
        style: of the titles; None means the balanced one.
        prompt: at most 200 characters; empty is no prompt.
        by: the process that asks.
        confirm: called with what is known before anything is charged; it raises to stop. None asks nobody.
        working: what is entered for the 30 to 90 s that it takes.

    Raises:
        ImpossibleError: the prompt is too long, or the transcription has not completed, or the same was asked for with
            another API key.
        InvalidRequest: all ten regenerations of this transcription are used (code `regenerations_used`).
    """
    if len(prompt) > PROMPT_LENGTH:
        raise ImpossibleError(f"a prompt has at most {PROMPT_LENGTH} characters, this one has {len(prompt)}")
    subject, style = await regenerable(archive, transcription_id), style or BALANCED
    before = await archive.before(subject, style=style, prompt=prompt)
    if confirm is not None:
        confirm(before)
    with working():
        return await archive.regenerate(subject, format, before, style=style, prompt=prompt, by=by)


async def regenerable(archive: Archive, transcription_id: str) -> Subject:
    """Return the subject for `Archive.regenerate`.

    Raises:
        ImpossibleError: the transcription has not completed. The provider would refuse the regeneration.
    """
    status = await archive.provider.get(transcription_id)
    if status.status != "completed":
        raise ImpossibleError(f"transcription {status.id} is {status.status}; only a completed one has timestamps")
    return Subject.of(archive.provider, status.id, status.completed_at)


def require_completed(status: TranscriptionStatus) -> None:
    """Refuse a transcription that did not complete, with a message for a person.

    Raises:
        ImpossibleError: the transcription failed, was cancelled or has not ended.
    """
    if status.status == "failed":
        reason = f": {status.error.rstrip('.')}" if isinstance(status.error, str) else ""
        raise ImpossibleError(f"transcription {status.id} failed{reason}; `receiver retry {status.id}` starts it again")
    if status.status != "completed":  # only a failed transcription can be started again, so no `receiver retry` here
        will_end = not status.is_terminal and status.status != NEVER_STARTED
        yet = " yet: try again when it has ended" if will_end else ""
        raise ImpossibleError(f"transcription {status.id} is {status.status}, so it has no transcript{yet}")


async def _api_of(archive: Archive, transcription_id: str, kind: str) -> str:
    """Return the API of a transcription.

    Raises:
        ImpossibleError: several APIs have a transcription with this id, and there is no key to choose one.
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
