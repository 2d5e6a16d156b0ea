"""Send a file with tus 1.0, the resumable upload protocol.

POST creates an upload and returns its address (`Location`). PATCH appends a chunk at an offset. HEAD returns the
server's offset. Only the server's offset counts: after a break it is unknown how much of a chunk arrived, so we ask the
server and continue from its answer. An upload's phases:

    saved ──HEAD: it is gone──▶ absent ──POST──▶ known ──PATCH──▶ known … at the file's size: done
      └─────HEAD: it exists─────────────────────▶▲ │
                                             HEAD│ │break
                                                 │ ▼
                                                unsure

A break is a lost connection, no answer in time, 5xx, 408, 409 (the server has another offset), 423 (the interrupted
request still locks the upload), 425, or a PATCH that accepts no byte. After a break we pause and try again. Breaks
without progress between them use up the pauses. Any other failure is raised immediately. The ticket is in the metadata
and the resume token in the Location: neither appears in a log line, a repr or an error's text.

The published client (tuspy) depends on requests, aiohttp and a JSON database, so we have our own client.

Source: https://tus.io/protocols/resumable-upload, version 1.0.0, core and creation.
"""

import asyncio
import base64
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

import httpx

from receiver.errors import ImpossibleError, InvalidRequest, NotFound, ProviderError, ProviderUnavailable, RateLimited
from receiver.logs.unanswered import why
from receiver.providers import destinations

CHUNK_BYTES = 4 * 1024 * 1024
PAUSE_SECONDS = (1.0, 2.0, 4.0, 8.0)
ANSWER_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 50_000
ANSWER_BYTES = 64 * 1024

_BREAKS, _GONE = frozenset({408, 409, 423, 425}), frozenset({403, 404, 410})
_REFUSALS: dict[int, tuple[type[ProviderError], str]] = {
    401: (InvalidRequest, "does not accept the upload's ticket; ask for a new one"),
    403: (InvalidRequest, "does not accept the upload's ticket; ask for a new one"),
    404: (NotFound, "does not know the upload"),
    410: (NotFound, "has removed the upload"),
    412: (InvalidRequest, "does not speak tus 1.0.0"),
    413: (InvalidRequest, "does not accept a file of this size"),
    429: (RateLimited, "wants fewer requests"),
}
_OFFSET = re.compile(r"[0-9]{1,18}")
_METADATA_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII without space and comma


class _BreakError(Exception):
    """A request failed, but the next request can succeed."""


@dataclass(frozen=True, slots=True, repr=False)
class _State:
    """The progress of an upload: the server is known to have `offset` bytes."""

    phase: Literal["absent", "saved", "known", "unsure"]
    location: str = ""
    offset: int = 0


async def upload(
    http: httpx.AsyncClient,
    endpoint: str,
    file: BinaryIO,
    *,
    size: int,
    metadata: Mapping[str, str],
    location: str | None = None,
    created: Callable[[str], Awaitable[None]],
    progressed: Callable[[int], None],
    chunk_bytes: int = CHUNK_BYTES,
    pauses: Sequence[float] = PAUSE_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
) -> str:
    """Upload the `size` bytes of `file` and return the upload's Location.

    Args:
        http: sends the requests, without its authorization, timeouts and redirects. Its base address is the API's, and
            decides which endpoints are allowed.
        endpoint: the address that creates uploads.
        file: seekable, opened for reading bytes.
        size: the file's size in bytes.
        metadata: sent with the creation; the ticket is part of it.
        location: the upload of an earlier run. It is continued if the server still has it with this size.
        created: called with a new upload's Location before any byte is sent, so that the caller can save the Location.
        progressed: called with the server's offset whenever it has grown.
        chunk_bytes: the most bytes in one request.
        pauses: seconds to wait after each break; the sequence starts over after progress.
        answer_seconds: how long to wait for an answer, in addition to the time for sending a chunk.

    Raises:
        ProviderUnavailable: `upload_broken`, the pauses are used up; `malformed_answer`, the answer makes no sense.
        NotFound: the server lost the upload during the transfer.
        InvalidRequest: the server refuses the upload.
        ImpossibleError: the file changed during the transfer.
    """
    url = destinations.address(endpoint)
    destinations.require_allowed(url, api=http.base_url)
    transfer = _Transfer(http, url, file, size, _encoded(metadata), chunk_bytes, answer_seconds)
    return await _complete(transfer, transfer.first_state(location), created, progressed, pauses)


@dataclass(frozen=True, slots=True, repr=False)
class _Transfer:
    """The constants of one file's transfer."""

    http: httpx.AsyncClient
    endpoint: httpx.URL
    file: BinaryIO
    size: int
    metadata: str
    chunk_bytes: int
    answer_seconds: float

    def first_state(self, location: str | None) -> _State:
        """Return the state to begin with. A saved location on another server than the endpoint counts as gone."""
        if location is None:
            return _State("absent")
        try:
            return _State("saved", self._resolved(location))
        except ProviderUnavailable:
            return _State("absent")

    async def step(self, state: _State) -> _State:
        """Send one request and return the new state.

        Raises:
            _BreakError: the request failed, but the next request can succeed.
        """
        match state.phase:
            case "absent":
                return await self._create()
            case "saved":
                return await self._look_up(state)
            case "unsure":
                answer = _accepted(await self._ask("HEAD", state.location))
                if not self._fits(answer):
                    raise _malformed("the upload's length is not the file's")
                return replace(state, phase="known", offset=self._offset(answer, state))
            case "known":
                return await self._append(state)

    async def _create(self) -> _State:
        headers = {"Upload-Length": str(self.size), "Upload-Metadata": self.metadata}
        answer = _accepted(await self._ask("POST", self.endpoint, headers))
        return _State("known", self._resolved(answer.headers.get("location", "")))

    async def _look_up(self, state: _State) -> _State:
        answer = await self._ask("HEAD", state.location)
        if answer.status_code in _GONE or not self._fits(_accepted(answer)):
            return _State("absent")
        return _State("known", state.location, _within(answer, 0, self.size))

    async def _append(self, state: _State) -> _State:
        chunk = await asyncio.to_thread(self._read, state.offset)
        headers = {"Upload-Offset": str(state.offset), "Content-Type": "application/offset+octet-stream"}
        answer = _accepted(await self._ask("PATCH", state.location, headers, chunk))
        offset = self._offset(answer, state)
        if offset == state.offset:
            raise _BreakError("PATCH succeeded, but the server accepted no bytes")
        return replace(state, offset=offset)

    def _read(self, offset: int) -> bytes:
        expected = min(self.chunk_bytes, self.size - offset)
        self.file.seek(offset)
        chunk = self.file.read(expected)
        grown = offset + expected == self.size and self.file.read(1)
        if len(chunk) != expected or grown:
            raise ImpossibleError("the file changed while it was uploaded")
        return chunk

    async def _ask(
        self, method: str, url: httpx.URL | str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> httpx.Response:
        """Send one request. A bounded part of the answer's body is read, only so that the connection can be reused."""
        seconds = self.answer_seconds + len(body) / SLOWEST_BYTES_PER_SECOND
        sent = {"Tus-Resumable": "1.0.0", **(headers or {})}
        request = self.http.build_request(method, url, headers=sent, content=body, timeout=seconds)
        destinations.guard(request, api=self.http.base_url)
        request.headers.pop("Authorization", None)  # a client's default would show the API key to the upload server
        try:
            async with asyncio.timeout(seconds):
                answer = await self.http.send(request, stream=True, auth=None, follow_redirects=False)
                try:
                    await _drain(answer)
                finally:
                    await answer.aclose()
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as exc:
            raise _BreakError(f"{method} failed: {why(exc)}") from exc
        if answer.is_server_error or answer.status_code in _BREAKS:
            raise _BreakError(f"{method} was answered {answer.status_code}")
        return answer

    def _resolved(self, location: str) -> str:
        """Return the absolute address of an upload; refuse an address on another server than the endpoint.

        A server behind a TLS proxy does not know of the proxy and answers with an http address, so that is corrected.
        """
        url = destinations.address(location, self.endpoint)
        if (url.scheme, url.host, url.port) == ("http", self.endpoint.host, None):
            url = url.copy_with(scheme=self.endpoint.scheme, port=self.endpoint.port)
        if not location or (url.scheme, url.host, url.port) != _origin(self.endpoint):
            raise _malformed("the upload's Location is missing or is on another server than the endpoint")
        return str(url)

    def _fits(self, answer: httpx.Response) -> bool:
        return answer.headers.get("upload-length") in (None, str(self.size))

    def _offset(self, answer: httpx.Response, state: _State) -> int:
        """Return the answer's offset. It must be between the old offset and the end of the sent chunk."""
        return _within(answer, state.offset, min(self.size, state.offset + self.chunk_bytes))


async def _complete(
    transfer: _Transfer,
    state: _State,
    created: Callable[[str], Awaitable[None]],
    progressed: Callable[[int], None],
    pauses: Sequence[float],
) -> str:
    """Make steps until the server has the whole file; pause after a break."""
    left = iter(pauses)
    while not (state.phase == "known" and state.offset == transfer.size):
        try:
            after = await transfer.step(state)
        except _BreakError as exc:
            pause = next(left, None)
            if pause is None:
                message = f"the upload stopped at byte {state.offset} of {transfer.size}: {exc}"
                raise ProviderUnavailable(message, code="upload_broken") from exc
            await asyncio.sleep(pause)
            state = replace(state, phase="unsure") if state.phase == "known" else state
            continue
        if after.location not in ("", state.location):
            await created(after.location)
        if after.offset > state.offset:
            progressed(after.offset)
        if (after.location, after.offset) != (state.location, state.offset):
            left = iter(pauses)
        state = after
    return state.location


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _encoded(metadata: Mapping[str, str]) -> str:
    """Return `key base64,key base64`, the format of `Upload-Metadata`."""
    if not all(map(_METADATA_KEY.fullmatch, metadata)):
        raise _malformed("a key of the upload's metadata cannot be sent")
    values = {key: base64.b64encode(value.encode()).decode() for key, value in metadata.items()}
    return ",".join(f"{key} {value}".rstrip() for key, value in values.items())


async def _drain(answer: httpx.Response) -> None:
    """Read the rest of a short body, so that the connection can be reused.

    A compressed body is not read: httpx would decompress it, and a few bytes could become gigabytes.
    """
    if "content-encoding" in answer.headers:
        return
    read = 0
    async for piece in answer.aiter_bytes():
        read += len(piece)
        if read > ANSWER_BYTES:
            return


def _accepted(answer: httpx.Response) -> httpx.Response:
    """Return a successful answer unchanged; raise for any other.

    Raises:
        ProviderUnavailable: the answer is a redirect. Following it would send the ticket and the bytes elsewhere.
        ProviderError: the server refused. The server's own words can repeat the ticket, so the error hides them.
    """
    status = answer.status_code
    if answer.is_success:
        return answer
    other = (InvalidRequest, "refuses it") if answer.is_client_error else (ProviderUnavailable, "redirects the upload")
    kind, problem = _REFUSALS.get(status, other)
    message = f"{answer.request.method}: the upload server {problem}"
    raise kind(message, code=f"http_{status}", status=status, request_id=answer.headers.get("x-request-id"))


def _within(answer: httpx.Response, least: int, most: int) -> int:
    """Return an answer's `Upload-Offset`; refuse a missing one, and one that is not within `least` and `most`."""
    method, text = answer.request.method, answer.headers.get("upload-offset", "")
    if not _OFFSET.fullmatch(text):
        raise _malformed(f"the answer to {method} has no numeric Upload-Offset")
    if not least <= int(text) <= most:
        raise _malformed(f"the answer to {method} says Upload-Offset {int(text)}, not within {least} and {most}")
    return int(text)


def _malformed(message: str) -> ProviderUnavailable:
    return ProviderUnavailable(message, code="malformed_answer")
