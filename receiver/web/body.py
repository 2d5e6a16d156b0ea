"""Read a request's body, bounded in size and in time."""

import asyncio

from starlette.requests import Request

from receiver.errors import BodyTooLargeError, DeliveryTimeoutError, RequestError
from receiver.server.bounds import SERVICE

BODY_BYTES = 256 * 1024


async def read(request: Request, *, most: int = BODY_BYTES) -> bytes:
    """Return the raw body.

    Raises:
        RequestError: the request states its length in two ways.
        BodyTooLargeError: more than `most` bytes are declared or arrive.
        DeliveryTimeoutError: the body is not complete 10 s after the request began.
    """
    declared = request.headers.get("content-length", "0")
    if "transfer-encoding" in request.headers and "content-length" in request.headers:
        raise RequestError("two lengths")  # request smuggling needs two servers that choose differently
    if not (declared.isascii() and declared.isdigit()) or int(declared[:20]) > most:
        raise BodyTooLargeError(most)
    # Our own server notes when the request began. Under another server the time counts from here.
    deadline = getattr(request.state, "deadline", asyncio.get_running_loop().time() + SERVICE.receive)
    pieces, size = list[bytes](), 0
    try:
        async with asyncio.timeout_at(deadline):
            async for piece in request.stream():
                size += len(piece)
                if size > most:
                    raise BodyTooLargeError(most)
                pieces.append(piece)
    except TimeoutError as exc:
        raise DeliveryTimeoutError from exc
    return b"".join(pieces)
