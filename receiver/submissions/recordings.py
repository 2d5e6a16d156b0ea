"""Read a recording, which is a file or a web address, and find out whether the provider is transcribing it already."""

import logging
import math
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from receiver.errors import ImpossibleError, ProviderError, Unauthenticated
from receiver.logs import printable
from receiver.logs.redaction import without_queries, without_query
from receiver.providers import Recording, TranscribeSo
from receiver.providers.orders import UNKNOWN_CONTENT, Media
from receiver.providers.transcribe_so import LIMIT_BYTES, LISTED, is_of, source_of
from receiver.providers.tries import is_lasting
from receiver.settings import addresses
from receiver.submissions import media

log = logging.getLogger(__name__)

ADDRESS = re.compile(r"\s*https?://", re.IGNORECASE)
_NO_SECRET = re.compile(r"[^@?#]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
HINT = "; a web address starts with https://"
UNDER_WAY = frozenset({"queued", "processing"})
LOOK_BACK = timedelta(days=1)


def is_address(typed: str) -> bool:
    """Whether a text is meant as a web address, and not as the path of a file."""
    return ADDRESS.match(typed) is not None


def of_address(typed: str, pipeline: str | None, language: str, duration: float | None) -> Recording:
    """Return the recording at a web address. No file of this machine is looked at.

    Raises:
        ImpossibleError: the provider would refuse it.
    """
    _require_length(duration)
    source = address(typed)
    return Recording(
        source=source_of(source), url=source, pipeline_code=pipeline, language=language, duration_seconds=duration
    )


def address(typed: str) -> str:
    """Return a web address as it is sent.

    Raises:
        ImpossibleError: it is none.
    """
    if not is_address(typed):
        said = typed if _NO_SECRET.fullmatch(typed) else "what was given"
        raise ImpossibleError(f"{said} is not a web address: it does not start with https:// or http://")
    scheme, _, rest = typed.strip().partition("://")
    found = f"{scheme.lower()}://{rest}"
    said = without_query(found)  # nor an error of what reads addresses: they have the password in them
    if _CONTROL.search(found):
        raise ImpossibleError(f"{_CONTROL.sub('', said)} is not a web address: it has a character that no address has")
    try:
        source_of(found)
    except ValueError:
        raise ImpossibleError(f"{said} is not a web address: its host cannot be read") from None
    if not addresses.has_host(found):
        raise ImpossibleError(f"{said} is not a web address: no server can have that name")
    return found


def of_file(source: str, pipeline: str | None, language: str, duration: float | None) -> tuple[Recording, Media]:
    """Return the recording in the file at a path of this machine, and the file. It has no upload id yet.

    Only a person at this machine may name the path.

    Raises:
        ImpossibleError: the provider would refuse it.
    """
    _require_length(duration)
    file = inspect(Path(source))
    seconds = length(source, media.duration_seconds(file.path), said=duration)
    if seconds is None:
        raise ImpossibleError(
            f"the length of {source} is unknown and decides its price: give it{media.another_way(file.path)}",
            code="length_unknown",
        )
    return Recording(
        source="upload", original_filename=file.name, pipeline_code=pipeline, language=language,
        duration_seconds=seconds,
    ), file  # fmt: skip


def inspect(path: Path) -> Media:
    """Return the facts about a file that an upload needs.

    Raises:
        ImpossibleError: the provider would refuse it, so nothing is sent.
    """
    file = readable(path, hint=HINT)
    if file.size > LIMIT_BYTES:
        megabytes = file.size / 1024 / 1024
        raise ImpossibleError(
            f"{path} has {megabytes:.0f} MB, and the provider accepts at most 500: make it smaller, or give its URL"
        )
    return replace(file, content_type=media.content_type(path))


def readable(path: Path, *, hint: str = "") -> Media:
    """Return a file that can be read and is not empty, with its content type if its name tells one.

    Raises:
        ImpossibleError: it is none. `hint` says what else can help.
    """
    try:
        size = path.stat().st_size
    except OSError as exc:
        raise ImpossibleError(f"{path} cannot be read ({exc.strerror}){hint}") from exc
    if not path.is_file() or size == 0:
        raise ImpossibleError(f"{path} is empty, or not a file")
    content_type = media.CONTENT_TYPES.get(path.suffix.lower().lstrip("."), UNKNOWN_CONTENT)
    return Media(path, path.name.encode(errors="replace").decode(), size, content_type)


def length(source: str, measured: float | None, *, said: float | None) -> float | None:
    """Return how long a recording plays: measured, or else as somebody said.

    Raises:
        ImpossibleError: they differ.
    """
    if said is not None and measured is not None and abs(said - measured) > 1 + measured / 100:
        raise ImpossibleError(
            f"{source} plays {measured:.1f} s, and its length decides its price: give no other", code="length_known"
        )
    return said if measured is None else measured


async def require_no_other(provider: TranscribeSo, recording: Recording) -> None:
    """Refuse a recording that the provider is transcribing already, perhaps submitted from another folder.

    Raises:
        ImpossibleError: the provider works on it, so it would be paid for twice.
    """
    oldest = datetime.now(UTC) - LOOK_BACK
    try:
        async for other in provider.list(patiently=False, most=LISTED):
            if other.began is not None and other.began < oldest:
                return
            if other.status in UNDER_WAY and is_of(other, recording):
                name = printable(without_queries(other.title or other.url or "it"))
                raise ImpossibleError(
                    f"the provider is already working on {name}: transcription {other.id} is "
                    f"{printable(other.status)}. Nothing was sent or charged: continue where it was submitted (that "
                    "folder, or that database), or pay for another one", code="under_way",
                )  # fmt: skip
    except Unauthenticated:
        raise
    except ProviderError as exc:  # a lasting error would stop the submission too
        if is_lasting(exc):
            raise
        log.warning("cannot find out whether it was submitted from elsewhere already: %s", exc)


def _require_length(duration: float | None) -> None:
    """Refuse a length that a person gave and no recording can have.

    Raises:
        ImpossibleError: it is not a number of seconds above 0.
    """
    if duration is not None and not (math.isfinite(duration) and duration > 0):
        raise ImpossibleError(f"a recording cannot last {duration:g} s: its length is a number of seconds above 0")
