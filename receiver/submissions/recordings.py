"""What is handed in, a file or a web address, and whether the provider is at it already."""

import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from receiver.errors import ImpossibleError, ProviderError, Unauthenticated
from receiver.logs import printable
from receiver.providers import Recording, TranscribeSo
from receiver.providers.transcribe_so import TranscriptionStatus, is_lasting, source_of
from receiver.settings import addresses
from receiver.submissions import media, uploads
from receiver.submissions.uploads import MediaFile

log = logging.getLogger(__name__)

ADDRESS = re.compile(r"\s*https?://", re.IGNORECASE)
UNDER_WAY = frozenset({"queued", "processing"})
LOOK_BACK = timedelta(days=1)
LOOK_AT = 200  # transcriptions, which one request lists


def of(source: str, pipeline: str | None, language: str, duration: float | None) -> tuple[Recording, MediaFile | None]:
    """Return the recording that `source` means, a path or an address; of a file, without its upload id yet.

    Raises:
        ImpossibleError: the provider would refuse it.
    """
    if not source.strip():
        raise ImpossibleError("SOURCE is empty: name a file, or a web address")
    if ADDRESS.match(source):
        scheme, _, rest = source.strip().partition("://")
        source = f"{scheme.lower()}://{rest}"
        try:
            kind = source_of(source)
        except ValueError as exc:
            raise ImpossibleError(f"{source} is no web address: {exc}") from exc
        if not addresses.has_host(source):
            raise ImpossibleError(f"{source} is no web address: there is no server of such a name")
        return Recording(
            source=kind, url=source, pipeline_code=pipeline, language=language, duration_seconds=duration
        ), None
    file = uploads.inspect(Path(source))
    told = media.duration_seconds(file.path)
    if duration is not None and told is not None and abs(duration - told) > 1 + told / 100:
        raise ImpossibleError(
            f"{source} plays {told:.1f} s by its own account: leave --duration out, it is billed by that"
        )
    seconds = duration if told is None else told
    if seconds is None:
        raise ImpossibleError(
            f"how long {source} plays cannot be told, and it is billed by that: pass --duration SECONDS"
            f"{media.another_way(file.path)}"
        )
    return Recording(
        source="upload", original_filename=file.name, pipeline_code=pipeline, language=language,
        duration_seconds=seconds,
    ), file  # fmt: skip


async def require_no_other(provider: TranscribeSo, recording: Recording) -> None:
    """Do nothing where the provider is not at the same recording already: notes in another folder may know of that.

    Raises:
        ImpossibleError: it is, so this one would be paid for twice.
    """
    number, oldest = 0, datetime.now(UTC) - LOOK_BACK
    try:
        async for one in provider.list(patiently=False):
            number += 1
            if number > LOOK_AT or _began(one) < oldest:
                return
            if one.status in UNDER_WAY and _is_of(one, recording):
                raise ImpossibleError(
                    f"the provider is at {printable(one.title or one.url or 'it')} already: transcription {one.id} is "
                    f"{printable(one.status)}. Nothing was sent or charged: go on in the folder where it was "
                    "submitted, or pay for another one with --again"
                )
    except Unauthenticated:
        raise
    except ProviderError as exc:  # which says nothing of a submission, unless that will meet the same
        if is_lasting(exc):
            raise
        log.warning("whether it was submitted elsewhere already cannot be told: %s", exc)


def _began(one: TranscriptionStatus) -> datetime:
    try:
        moment = datetime.fromisoformat(one.created_at or "")
    except ValueError:
        return datetime.now(UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _is_of(one: TranscriptionStatus, recording: Recording) -> bool:
    """Whether a transcription is of this recording, as far as it tells."""
    theirs, ours = one.duration_seconds, recording.duration_seconds
    differ = theirs is not None and ours is not None and abs(theirs - ours) > 1
    if differ or one.source not in (None, recording.source):
        return False
    if recording.url is not None and one.url is not None:
        return one.url == recording.url
    name = recording.original_filename or recording.url or ""
    return one.title in (name, name.rstrip("/").rpartition("/")[2], urlsplit(name).path.rpartition("/")[2])
