"""Uploaded files: only their size and SHA-256 are kept, not their contents.

POST /uploads      ──▶ a presigned address below /s3/ for a PUT, valid for 900 s
POST /uploads/tus  ──▶ a ticket for the tus server at /files/, valid for 3600 s
"""

import random
import time
import uuid
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from receiver.sandbox.chance import token
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.refusals import RefusalError, xml
from receiver.sandbox.transcribe_so.envelope import invalid

MAX_BYTES = 500 * 1024 * 1024
PUT_SECONDS = 900
TICKET_SECONDS = 3600
CONTENT_TYPES = (
    "audio/mpeg", "audio/mp3", "audio/wav", "audio/m4a", "audio/mp4", "audio/x-m4a", "audio/aac", "audio/ogg",
    "audio/webm", "audio/flac", "video/mp4", "video/webm", "video/quicktime", "video/x-msvideo",
)  # fmt: skip


@dataclass(slots=True)
class SimulatedUpload(SimulatedFile):
    """A file of `size` bytes that was announced, and sent in part or completely."""

    size: int
    token: str = field(repr=False)
    content_type: str | None = None
    expires: float = 0.0
    busy: bool = False


@dataclass(frozen=True, slots=True)
class Ticket:
    """A permission to create one tus upload of at most `size` bytes."""

    user_id: str
    filename: str
    size: int
    expires: float


class Uploads:
    """The uploads of all keys."""

    def __init__(self, *, speed: float, chance: random.Random) -> None:
        self._speed = speed
        self._chance = chance
        self.by_id: dict[str, SimulatedUpload] = {}
        self.tickets: dict[str, Ticket] = {}

    def presign(self, user_id: str, body: dict[str, Any]) -> SimulatedUpload:
        """Return a new upload for a PUT.

        Raises:
            RefusalError: 400: a field is missing or wrong.
        """
        filename, size = _filename(body), _size(body)
        content_type = body.get("content_type")
        if content_type not in CONTENT_TYPES:
            raise invalid(f"content_type must be one of {', '.join(CONTENT_TYPES)}.")
        suffix = PurePosixPath(filename).suffix[:10]
        upload_id = f"user/{user_id}/uploads/{int(time.time())}_{token(self._chance, 4)}{suffix}"
        expires = time.monotonic() + PUT_SECONDS / self._speed
        upload = SimulatedUpload(upload_id, user_id, filename, size, token(self._chance, 16), content_type, expires)
        self.by_id[upload_id] = upload
        return upload

    def ticket(self, user_id: str, body: dict[str, Any]) -> str:
        """Return a ticket for a resumable upload.

        Raises:
            RefusalError: 400: a field is missing or wrong.
        """
        expires = time.monotonic() + TICKET_SECONDS / self._speed
        ticket = f"eyJ1Ijoi{token(self._chance, 24)}"
        self.tickets[ticket] = Ticket(user_id, _filename(body), _size(body), expires)
        return ticket

    def create(self, ticket: Ticket, size: int) -> SimulatedUpload:
        """Return a new resumable upload."""
        upload_id = f"tus/{uuid.UUID(bytes=self._chance.randbytes(16), version=4).hex}"
        upload = SimulatedUpload(upload_id, ticket.user_id, ticket.filename, size, token(self._chance, 12))
        self.by_id[upload_id] = upload
        return upload

    def find_complete(self, user_id: str, upload_id: str) -> SimulatedUpload:
        """Return a key's upload. `tus/<id>+<resume-token>` and `tus/<id>` name the same upload.

        Raises:
            RefusalError: 400: the upload is unknown, belongs to another key, or is incomplete.
        """
        shown = upload_id.partition("+")[0] if upload_id.startswith("tus/") else upload_id
        upload = self.by_id.get(shown)
        if upload is None or upload.owner != user_id:
            raise invalid("upload_id is unknown: POST /api/v1/uploads first, then PUT the file.")
        if not upload.complete:
            raise invalid(f"upload_id is incomplete: {upload.received} of {upload.size} bytes have arrived.")
        return upload


def presigned_url(request: Request, upload: SimulatedUpload) -> str:
    """Return the address for the PUT of a file."""
    return f"{request.base_url}s3/{quote(upload.id)}?X-Amz-Expires={PUT_SECONDS}&X-Amz-Signature={upload.token}"


async def put(uploads: Uploads, request: Request) -> Response:
    """Answer `PUT /s3/…`: store a file like S3. Refusals are XML."""
    try:
        upload = _presigned(uploads, request)
        await _receive(upload, request)
    except RefusalError as exc:
        return xml(exc)
    return Response(status_code=200, headers={"ETag": f'"{upload.digest.hexdigest()[:32]}"'})


def _presigned(uploads: Uploads, request: Request) -> SimulatedUpload:
    upload = uploads.by_id.get(request.path_params["upload_id"])
    if upload is None or request.query_params.get("X-Amz-Signature") != upload.token:
        raise RefusalError(403, "SignatureDoesNotMatch", "The request signature does not match.")
    if time.monotonic() > upload.expires:
        raise RefusalError(403, "AccessDenied", f"Request has expired after {PUT_SECONDS} s.")
    if request.headers.get("content-type") != upload.content_type:
        raise RefusalError(403, "SignatureDoesNotMatch", f"Content-Type must be {upload.content_type}.")
    return upload


async def _receive(upload: SimulatedUpload, request: Request) -> None:
    upload.begin()
    try:
        async for piece in request.stream():
            upload.take(piece)
            if upload.received > upload.size:
                raise RefusalError(400, "EntityTooLarge", f"More than the {upload.size} bytes that were announced.")
    except ClientDisconnect as exc:
        raise RefusalError(400, "RequestTimeout", "The connection was lost.") from exc
    if upload.received < upload.size:
        raise RefusalError(400, "IncompleteBody", f"{upload.received} bytes instead of {upload.size}.")
    upload.complete = True


def _filename(body: dict[str, Any]) -> str:
    filename = body.get("filename")
    if not isinstance(filename, str) or not filename.strip():
        raise invalid("filename is missing.")
    return filename


def _size(body: dict[str, Any]) -> int:
    size = body.get("file_size")
    if type(size) is not int or not 0 < size <= MAX_BYTES:
        raise invalid(f"file_size must be a number of bytes from 1 to {MAX_BYTES}.")
    return size
