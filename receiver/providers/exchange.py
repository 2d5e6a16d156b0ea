"""Exchange one request for its answer, within a total deadline and a size.

A total deadline is needed because httpx's timeouts are per read: a server that sends a byte a second never exceeds
them.

what went wrong                               code               can the provider have begun?
───────────────────────────────────────────── ────────────────── ────────────────────────────
no connection                                 unreachable        no
the end came before all of a body was given   not_all_sent       no
the end came later                            transport          perhaps
an answer that is too large, or badly packed  malformed_answer   perhaps
"""

import asyncio
import io
import zlib
from collections.abc import AsyncIterator

import h11
import httpx

from receiver.errors import ProviderUnavailable
from receiver.logs import traces
from receiver.logs.unanswered import why
from receiver.providers import egress, endpoints
from receiver.providers.bodies import Body

UNPACKED_BYTES = 256 * 1024
UNREACHABLE = "unreachable"
NOT_ALL_SENT = "not_all_sent"


async def exchange(
    http: httpx.AsyncClient, request: httpx.Request, *, seconds: float, most: int, body: Body | None = None
) -> tuple[httpx.Response, bytes]:
    """Send a request as it is, and return the answer and its content.

    Args:
        http: sends it.
        request: the request.
        seconds: the total deadline.
        most: the largest size of the content.
        body: the request's body, if it is sent piece by piece.

    Raises:
        ProviderUnavailable: there is no answer, or none that can be used.
    """
    url = request.url
    template = endpoints.template(url.raw_path, http.base_url.raw_path)
    with traces.request(request.method, template, host=url.host, port=url.port) as span:
        answer, content = await _exchange(http, request, seconds=seconds, most=most, body=body)
        if span is not None:
            span.answered(answer.status_code, bad=400)
        return answer, content


async def _exchange(
    http: httpx.AsyncClient, request: httpx.Request, *, seconds: float, most: int, body: Body | None
) -> tuple[httpx.Response, bytes]:
    request.extensions["timeout"] = httpx.Timeout(seconds).as_dict()
    try:
        async with asyncio.timeout(seconds):
            answer = await http.send(request, stream=True)
            try:
                return answer, await _read(answer, most)
            finally:
                await answer.aclose()
    except egress.SettingError as exc:
        raise ProviderUnavailable(str(exc), code=UNREACHABLE) from exc
    except (httpx.HTTPError, httpx.StreamError, h11.LocalProtocolError, TimeoutError) as exc:
        raise _unanswered(request.url, exc, seconds, all_given=body is None or body.all_given) from exc


def _unanswered(url: httpx.URL, error: Exception, seconds: float, *, all_given: bool) -> ProviderUnavailable:
    origin = f"{url.scheme}://{url.netloc.decode('ascii')}"  # not the path: it can hold a ticket
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.UnsupportedProtocol):
        message = f"{origin} cannot be reached ({why(error)}): is the address right, are you online?"
        return ProviderUnavailable(message, code=UNREACHABLE)
    reason = f"no answer in {seconds:g} s" if isinstance(error, TimeoutError) else why(error)
    if not all_given:
        return ProviderUnavailable(f"{origin} did not take the whole request: {reason}", code=NOT_ALL_SENT)
    return ProviderUnavailable(f"{origin} does not answer: {reason}", code="transport")


async def _read(answer: httpx.Response, most: int) -> bytes:
    """Return the decompressed body of at most `most` bytes.

    httpx would decompress every layer that the answer names, all together, before we see the size. So we decompress one
    layer of gzip here, a little at a time.
    """
    encoding = answer.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise ProviderUnavailable("the answer is packed in a way that was not asked for", code="malformed_answer")
    is_packed = encoding == "gzip" and not answer.is_stream_consumed
    body = io.BytesIO()  # its `getvalue` does not copy the bytes
    async for piece in _unpacked(answer) if is_packed else answer.aiter_bytes():
        if body.tell() + len(piece) > most:
            raise ProviderUnavailable(f"the answer is larger than {most} bytes", code="malformed_answer")
        body.write(piece)
    return body.getvalue()


async def _unpacked(answer: httpx.Response) -> AsyncIterator[bytes]:
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)  # of gzip
    async for packed in answer.aiter_raw():
        rest = packed
        while rest:
            try:
                yield unpacking.decompress(rest, UNPACKED_BYTES)
            except zlib.error as exc:
                raise httpx.DecodingError(str(exc)) from exc
            rest = unpacking.unconsumed_tail
            await asyncio.sleep(0)
