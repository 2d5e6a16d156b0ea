"""Send a file to transcribe.so. It is free, and can be repeated.

file ─┬─ up to 50 MB: a presigned PUT of the whole file ──────────────▶ upload id
      └─ above: tus, in pieces, continued where an earlier run stopped ──▲
"""

import asyncio
import secrets
from collections.abc import AsyncIterator

from receiver.errors import ImpossibleError, InvalidRequest, ProviderError, ProviderUnavailable
from receiver.providers import tus
from receiver.providers.orders import KeepNotes, Media, Notes, Sent
from receiver.providers.transcribe_so.client import Client

WHOLE_BYTES = 50 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
EXPIRED = 403  # S3's answer to an expired ticket


async def upload(client: Client, file: Media, notes: Notes, keep: KeepNotes, sent: Sent) -> str:
    """Send a file, and return its upload id; see `Source.upload`. The notes are the `location` of an upload in pieces.

    Raises:
        ProviderError: the upload failed. The next call continues one in pieces, and repeats a whole one.
        ImpossibleError: the file changed during the upload.
    """
    if file.size <= WHOLE_BYTES:
        upload_id = await _whole(client, file, sent)
    else:
        upload_id = await _in_pieces(client, file, notes, keep, sent)
    sent(file.size)
    return upload_id


async def _whole(client: Client, file: Media, sent: Sent) -> str:
    for is_last in (False, True):
        # A new key for each ticket: the answer to an old key names a URL that has expired.
        ticket = await client.create_upload(
            file.name, content_type=file.content_type, file_size=file.size, idempotency_key=_new_key()
        )
        try:
            await client.put_upload(ticket, _pieces(file, sent), content_type=file.content_type, file_size=file.size)
        except ProviderError as exc:
            if is_last or not (isinstance(exc, ProviderUnavailable) or exc.status == EXPIRED):
                raise
            sent(0)
        else:
            break
    return ticket.upload_id


async def _pieces(file: Media, sent: Sent) -> AsyncIterator[bytes]:
    arrived = 0
    with file.path.open("rb") as opened:
        while piece := await asyncio.to_thread(opened.read, PIECE_BYTES):
            arrived += len(piece)
            if arrived > file.size:
                break
            yield piece
            sent(arrived)
    if arrived != file.size:
        raise ImpossibleError(f"{file.path} changed while it was uploaded")


async def _in_pieces(client: Client, file: Media, notes: Notes, keep: KeepNotes, sent: Sent) -> str:
    ticket = await client.create_tus_upload(file.name, file_size=file.size, idempotency_key=_new_key())

    async def created(location: str) -> None:
        await keep({"location": location})

    with file.path.open("rb") as opened:
        try:
            location = await tus.upload(
                client.http, ticket.upload_endpoint, opened, size=file.size, metadata=ticket.metadata(file.name),
                location=notes.get("location"), created=created, progressed=sent,
            )  # fmt: skip
        except InvalidRequest:  # the upload is lost or refused, so it cannot continue
            await keep({})
            raise
    # The part after a plus is a ticket: with it, anyone could continue the upload. The provider needs the id alone.
    return f"tus/{location.rstrip('/').rpartition('/')[2].partition('+')[0]}"


def _new_key() -> str:
    return f"upload-{secrets.token_hex(16)}"
