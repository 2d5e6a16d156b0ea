"""Bring a local file to the provider, once: what was sent survives Ctrl-C and a crash.

    file ──▶ up to 50 MB: a presigned PUT, sent whole ──────▶ upload id ──▶ submitted, and the progress is forgotten
         └─▶ above: tus, in pieces, gone on with after a break ──▲

How far it is stands in a notebook, so that starting again neither sends what has arrived nor pays twice.
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
EXPIRED = 403  # what S3 says to a ticket that is too old


@dataclass(frozen=True, slots=True)
class MediaFile:
    """A file that the provider would take, of `size` bytes."""

    path: Path
    size: int
    content_type: str

    @property
    def name(self) -> str:
        """What it is called elsewhere, where a name is text."""
        return self.path.name.encode(errors="replace").decode()


def inspect(path: Path) -> MediaFile:
    """Return what an upload needs to know of a file.

    Raises:
        ImpossibleError: the provider would refuse it, so nothing is sent.
    """
    try:
        status = path.stat()
    except OSError as exc:
        raise ImpossibleError(f"{path} cannot be read ({exc.strerror}); a web address starts with https://") from exc
    if not path.is_file() or status.st_size == 0:
        raise ImpossibleError(f"{path} is empty, or no file")
    if status.st_size > LIMIT_BYTES:
        megabytes = status.st_size / 1024 / 1024
        raise ImpossibleError(
            f"{path} has {megabytes:.0f} MB, the provider takes 500: make it smaller, or give its URL"
        )
    return MediaFile(path, status.st_size, media.content_type(path))


async def upload(
    provider: TranscribeSo, file: MediaFile, notebook: Notebook, *, progressed: Callable[[int], None]
) -> str:
    """Upload a file, from where an earlier run stopped, and return its upload id.

    Args:
        provider: where to.
        file: what `inspect` returned.
        notebook: what is known of earlier runs.
        progressed: called with the number of bytes that are there.

    Raises:
        ProviderError: it did not get through; the next run goes on.
        ImpossibleError: the file has changed under way.
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
        # A key of its own each time: the answer to an old one names a URL that has expired.
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
        except InvalidRequest:  # lost, or refused as it is: it cannot be gone on with
            notebook.note(location=None)
            raise
    return f"tus/{location.rstrip('/').rpartition('/')[2]}"


def _new_key() -> str:
    return f"upload-{secrets.token_hex(16)}"
