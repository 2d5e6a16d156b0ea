"""The store behind the API: a signed address takes a file by PUT, once; a signed link gives an artifact for some time.

No key is needed here, and none may come. Refusals are XML, as in Google's store.

    PUT /storage/uploads/<file id>      x-goog-if-generation-match: 0, no Content-Type ──▶ 200; a repeat: 412
    GET /storage/jobs/<job id>/<file>   Range, If-Range ──▶ 200 or 206, Content-Length, ETag, x-goog-hash
"""

import base64
import hashlib
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from receiver.sandbox import assets
from receiver.sandbox.assets import Content, Tickets
from receiver.sandbox.files import SimulatedFile
from receiver.sandbox.ground import Ground
from receiver.sandbox.refusals import RefusalError

MAX_BYTES = 500 * 1024 * 1024
HASHED_BYTES = 64 * 1024 * 1024
PUT_SECONDS = 30 * 60
CREATE_ONLY = "x-goog-if-generation-match"


class Storage:
    """The signed addresses of the store. One is for its file and its method alone."""

    def __init__(self, ground: Ground) -> None:
        self._tickets = Tickets(ground)

    def url(self, request: Request, method: str, path: str, seconds: float) -> str:
        """Return a signed address below `/storage/`, valid for `seconds` of the provider's time."""
        base = f"{str(request.base_url).rstrip('/')}{request.scope['root_path']}"
        return f"{base}/storage/{path}?ticket={self._tickets.issue(f'{method} {path}', seconds)}"

    def check(self, request: Request) -> str:
        """Return the path below `/storage/` that a request is signed for.

        Raises:
            RefusalError: 400: it has expired, or brings a key. 403: its signature does not match.
        """
        path, method = str(request.path_params["path"]), "PUT" if request.method == "PUT" else "GET"
        expired = RefusalError(400, "ExpiredToken", "The signed address has expired.")
        self._tickets.check(f"{method} {path}", request, expired)
        return path


async def receive(file: SimulatedFile, request: Request) -> None:
    """Take a file. Only a whole one counts, and only the first.

    Raises:
        RefusalError: 400: too large, or cut off. 403: not as it was signed. 412: the file is there.
    """
    headers = request.headers
    if headers.get(CREATE_ONLY) != "0" or "content-type" in headers:
        raise RefusalError(403, "SignatureDoesNotMatch", f"Signed for {CREATE_ONLY}: 0 and no Content-Type.")
    there = RefusalError(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold.")
    if file.complete:
        raise there
    announced, arriving = int(headers.get("content-length", "0")), file.copy()
    arriving.begin()
    try:
        async for piece in request.stream():
            arriving.take(piece)
            if max(arriving.received, announced) > MAX_BYTES:
                raise RefusalError(400, "EntityTooLarge", f"A file has at most {MAX_BYTES} bytes.")
    except ClientDisconnect as exc:
        raise RefusalError(400, "RequestTimeout", "The connection was lost.") from exc
    if arriving.received < announced:
        raise RefusalError(400, "IncompleteBody", "The body ends too soon.")
    if file.complete:
        raise there
    file.digest, file.received, file.complete = arriving.digest, arriving.received, True


def give(made: Content, changed: datetime, request: Request) -> Response:
    """Return an artifact, or the range of it that is asked for, piece by piece."""
    headers = {"Last-Modified": changed.astimezone(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")}
    if (digest := md5(made)) is not None:
        headers["x-goog-hash"] = f"md5={digest}"
    return assets.answer(request, made, headers)


def md5(made: Content) -> str | None:
    """Return the MD5 of a file in Base64; None for one that is too large to read it for this."""
    if made.size > HASHED_BYTES:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for number in range(-(-made.size // assets.BLOCK)):
        digest.update(made.block(number))
    return base64.b64encode(digest.digest()).decode()
