"""A small tus 1.0 server. A ticket allows one upload of a limited size; a broken upload can be resumed.

    POST  /files/               Upload-Length, Upload-Metadata: upload-token  ──▶ 201, Location <endpoint>/<id>+<token>
    HEAD  /files/<id>+<token>   ──▶ Upload-Offset: the number of received bytes
    PATCH /files/<id>+<token>   Upload-Offset, the bytes from there on ──▶ 204, Upload-Offset

If the connection of a PATCH breaks, the received bytes are kept. Source: https://tus.io/protocols/resumable-upload,
version 1.0.0.
"""

import base64
import binascii
import time

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from receiver.sandbox.refusals import RefusalError
from receiver.sandbox.transcribe_so.uploads import MAX_BYTES, SimulatedUpload, Ticket, Uploads

VERSION = "1.0.0"
METADATA_KEY = "upload-token"
PIECE_TYPE = "application/offset+octet-stream"


async def serve(uploads: Uploads, request: Request) -> Response:
    """Answer a request below `/files/`; refusals are plain text."""
    try:
        _check_version(request)
        match request.method:
            case "OPTIONS":
                answer = _capabilities()
            case "POST":
                answer = _create(uploads, request)
            case "HEAD":
                answer = _offset(_find(uploads, request))
            case _:
                answer = await _append(_find(uploads, request), request)
    except RefusalError as exc:
        answer = Response(f"{exc.message}\n", exc.status, media_type="text/plain")
        if exc.status == 412:  # noqa: PLR2004 - the protocol demands the supported versions in this answer
            answer.headers["Tus-Version"] = VERSION
    answer.headers["Tus-Resumable"] = VERSION
    return answer


def _check_version(request: Request) -> None:
    if request.method != "OPTIONS" and request.headers.get("tus-resumable") != VERSION:
        raise RefusalError(412, "version", f"Tus-Resumable must be {VERSION}")


def _capabilities() -> Response:
    headers = {"Tus-Version": VERSION, "Tus-Extension": "creation", "Tus-Max-Size": str(MAX_BYTES)}
    return Response(status_code=204, headers=headers)


def _create(uploads: Uploads, request: Request) -> Response:
    ticket = _ticket(uploads, request)
    size = _number(request, "upload-length")
    if size > ticket.size:
        raise RefusalError(413, "size", f"the ticket is for {ticket.size} bytes")
    upload = uploads.create(ticket, size)
    name = upload.id.removeprefix("tus/")
    return Response(status_code=201, headers={"Location": f"{request.base_url}files/{name}+{upload.token}"})


def _offset(upload: SimulatedUpload) -> Response:
    headers = {"Upload-Offset": str(upload.received), "Upload-Length": str(upload.size), "Cache-Control": "no-store"}
    return Response(status_code=200, headers=headers)


async def _append(upload: SimulatedUpload, request: Request) -> Response:
    if request.headers.get("content-type") != PIECE_TYPE:
        raise RefusalError(415, "type", f"Content-Type must be {PIECE_TYPE}")
    if upload.busy:
        raise RefusalError(423, "locked", "another PATCH is under way")
    if _number(request, "upload-offset") != upload.received:
        raise RefusalError(409, "offset", f"Upload-Offset must be {upload.received}")
    upload.busy = True
    try:
        await _receive(upload, request)
    finally:
        upload.busy = False
    return Response(status_code=204, headers={"Upload-Offset": str(upload.received)})


async def _receive(upload: SimulatedUpload, request: Request) -> None:
    if int(request.headers.get("content-length", "0")) > upload.size - upload.received:
        raise RefusalError(413, "size", f"the upload is of {upload.size} bytes")
    try:
        async for piece in request.stream():
            if upload.received + len(piece) > upload.size:
                raise RefusalError(413, "size", f"the upload is of {upload.size} bytes")
            upload.take(piece)
    except ClientDisconnect as exc:
        raise RefusalError(400, "lost", "the connection was lost") from exc
    upload.complete = upload.received == upload.size


def _find(uploads: Uploads, request: Request) -> SimulatedUpload:
    name, _, token = str(request.path_params["name"]).partition("+")
    upload = uploads.by_id.get(f"tus/{name}")
    if upload is None or token != upload.token:
        raise RefusalError(404, "upload", "this upload does not exist")
    return upload


def _ticket(uploads: Uploads, request: Request) -> Ticket:
    ticket = uploads.tickets.get(_metadata(request).get(METADATA_KEY, ""))
    if ticket is None:
        raise RefusalError(403, "ticket", f"Upload-Metadata has no valid {METADATA_KEY}: POST /api/v1/uploads/tus")
    if time.monotonic() > ticket.expires:
        raise RefusalError(403, "ticket", "the ticket has expired")
    return ticket


def _metadata(request: Request) -> dict[str, str]:
    """Return `Upload-Metadata`: pairs of a key and a Base64 value, separated by commas."""
    pairs = (pair.strip().partition(" ") for pair in request.headers.get("upload-metadata", "").split(","))
    try:
        return {key: base64.b64decode(value, validate=True).decode() for key, _, value in pairs if key}
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise RefusalError(400, "metadata", "Upload-Metadata is not Base64") from exc


def _number(request: Request, name: str) -> int:
    text = request.headers.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004 - far more than MAX_BYTES
        raise RefusalError(400, "header", f"{name} must be a number of bytes")
    return int(text)
