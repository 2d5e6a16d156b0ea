"""Upload a local file to the provider, once: the progress survives Ctrl-C and a crash.

    file ──▶ up to 50 MB: a presigned PUT of the whole file ──▶ upload id ──▶ submitted; the notes are removed
         └─▶ above: tus, in pieces, can continue after a break ──────▲

A notebook keeps the progress. So a new start neither sends again what has arrived nor pays twice.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from receiver.errors import ImpossibleError, InvalidRequest, ProviderError, ProviderUnavailable
from receiver.providers import TranscribeSo, tus
from receiver.submissions import media
from receiver.submissions.progress import Notebook

LIMIT_BYTES = 500 * 1024 * 1024
WHOLE_BYTES = 50 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
EXPIRED = 403  # S3's answer to an expired ticket


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file of `size` bytes that the provider would accept."""

    path: Path
    size: int
    content_type: str

    @property
    def name(self) -> str:
        """The file's name as text, for the provider."""
        return self.path.name.encode(errors="replace").decode()


def inspect(path: Path) -> MediaFile:
    """Return the facts about a file that an upload needs.

    Raises:
        ImpossibleError: the provider would refuse it, so nothing is sent.
    """
    try:
        status = path.stat()
    except OSError as exc:
        raise ImpossibleError(f"{path} cannot be read ({exc.strerror}); a web address starts with https://") from exc
    if not path.is_file() or status.st_size == 0:
        raise ImpossibleError(f"{path} is empty, or not a file")
    if status.st_size > LIMIT_BYTES:
        megabytes = status.st_size / 1024 / 1024
        raise ImpossibleError(
            f"{path} has {megabytes:.0f} MB, and the provider accepts at most 500: make it smaller, or give its URL"
        )
    return MediaFile(path, status.st_size, media.content_type(path))


async def upload(
    provider: TranscribeSo, file: MediaFile, notebook: Notebook, *, progressed: Callable[[int], None]
) -> str:
    """Upload a file, from where an earlier run stopped. Return its upload id.

    Args:
        provider: the provider's client.
        file: the file, from `inspect`.
        notebook: the notes of earlier runs.
        progressed: called with the number of bytes that have arrived.

    Raises:
        ProviderError: the upload failed; the next run continues it.
        ImpossibleError: the file changed during the upload.
    """
    if notebook.progress.upload_id is None:
        if file.size <= WHOLE_BYTES:
            notebook.note(upload_id=await _put(provider, file, progressed))
        else:
            notebook.note(upload_id=await _resume(provider, file, notebook, progressed))
    progressed(file.size)
    assert notebook.progress.upload_id is not None
    return notebook.progress.upload_id


async def _put(provider: TranscribeSo, file: MediaFile, progressed: Callable[[int], None]) -> str:
    for is_last in (False, True):
        # A new key for each ticket: the answer to an old key names a URL that has expired.
        ticket = await provider.create_upload(
            file.name, content_type=file.content_type, file_size=file.size, idempotency_key=_new_key()
        )
        try:
            await provider.put_upload(
                ticket, _pieces(file, progressed), content_type=file.content_type, file_size=file.size
            )
        except ProviderError as exc:
            if is_last or not (isinstance(exc, ProviderUnavailable) or exc.status == EXPIRED):
                raise
            progressed(0)
        else:
            break
    return ticket.upload_id


async def _pieces(file: MediaFile, progressed: Callable[[int], None]) -> AsyncIterator[bytes]:
    sent = 0
    with file.path.open("rb") as opened:
        while piece := await asyncio.to_thread(opened.read, PIECE_BYTES):
            sent += len(piece)
            if sent > file.size:
                break
            yield piece
            progressed(sent)
    if sent != file.size:
        raise ImpossibleError(f"{file.path} changed while it was uploaded")


async def _resume(
    provider: TranscribeSo, file: MediaFile, notebook: Notebook, progressed: Callable[[int], None]
) -> str:
    ticket = await provider.create_tus_upload(file.name, file_size=file.size, idempotency_key=_new_key())
    with file.path.open("rb") as opened:
        try:
            location = await tus.upload(
                provider.http, ticket.upload_endpoint, opened, size=file.size, metadata=ticket.metadata(file.name),
                location=notebook.progress.location, created=lambda made: notebook.note(location=made),
                progressed=progressed,
            )  # fmt: skip
        except InvalidRequest:  # the upload is lost or refused, so it cannot continue
            notebook.note(location=None)
            raise
    return f"tus/{location.rstrip('/').rpartition('/')[2]}"


def _new_key() -> str:
    return f"upload-{secrets.token_hex(16)}"
