"""Send a file with tus 1.0, the resumable upload protocol.

POST creates an upload and names it (`Location`), PATCH appends a chunk at an offset, HEAD says how far the upload is.
The server's offset is the only truth: after a break nobody knows how much of a chunk arrived, so we ask and go on from
there. An upload's phases:

    saved ──HEAD, it is gone──▶ absent ──POST──▶ known ──PATCH──▶ known … at the file's size: done
      └─────HEAD, it is there───────────────────▶▲ │
                                             HEAD│ │break
                                                 │ ▼
                                                unsure

A break is a lost connection, no answer in time, 5xx, 408, 409 (the server holds another offset), 423 (the request that
was cut still holds the upload), 425, or a PATCH that accepts nothing. Breaks without progress in between use up the
pauses; everything else that is no success is raised at once. The ticket lives in the metadata and the resume token in
the Location: neither is in a log line, a repr or an error's text.

The published client (tuspy) would bring requests, aiohttp and a JSON database along, so this one is ours.

Source: https://tus.io/protocols/resumable-upload, version 1.0.0, core and creation.
"""

import asyncio
import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal

import httpx

from receiver.errors import ImpossibleError, InvalidRequest, NotFound, ProviderError, ProviderUnavailable, RateLimited
from receiver.providers import destinations, egress

CHUNK_BYTES = 4 * 1024 * 1024
PAUSE_SECONDS = (1.0, 2.0, 4.0, 8.0)
ANSWER_SECONDS = 30.0
SLOWEST_BYTES_PER_SECOND = 50_000
ANSWER_BYTES = 64 * 1024

_BREAKS, _GONE = frozenset({408, 409, 423, 425}), frozenset({403, 404, 410})
_REFUSALS: dict[int, tuple[type[ProviderError], str]] = {
    401: (InvalidRequest, "does not accept the upload's ticket; ask for a new one"),
    403: (InvalidRequest, "does not accept the upload's ticket; ask for a new one"),
    404: (NotFound, "knows no such upload"),
    410: (NotFound, "has removed the upload"),
    412: (InvalidRequest, "does not speak tus 1.0.0"),
    413: (InvalidRequest, "takes no file of this size"),
    429: (RateLimited, "wants fewer requests"),
}
_OFFSET = re.compile(r"[0-9]{1,18}")
_METADATA_KEY = re.compile(r"[!-+\--~]+")  # printable ASCII without space and comma


class _BreakError(Exception):
    """A request failed in a way that the next one may not."""


@dataclass(frozen=True, slots=True, repr=False)
class _State:
    """Where the upload is: `offset` bytes are known to be at the server."""

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
    created: Callable[[str], None],
    progressed: Callable[[int], None],
    chunk_bytes: int = CHUNK_BYTES,
    pauses: Sequence[float] = PAUSE_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
) -> str:
    """Upload the `size` bytes of `file` and return the upload's Location.

    Args:
        http: sends the requests; its own authorization, timeouts and redirects are not used. Its base address is the
            API's, and says how far an endpoint is trusted.
        endpoint: where uploads are created.
        file: seekable, opened for reading bytes.
        size: of the file in bytes.
        metadata: sent with the creation, the ticket among it.
        location: of an earlier run; it is gone on with if the server still has it and it is of this size.
        created: called with the Location of a new upload before any byte is sent, so that it can be kept.
        progressed: called with the server's offset whenever it has grown.
        chunk_bytes: how many bytes go in one request at most.
        pauses: seconds to wait after each break; they start over whenever there was progress.
        answer_seconds: how long to wait for an answer, beside the time that a chunk takes.

    Raises:
        ProviderUnavailable: `upload_broken`, the pauses are used up; `malformed_answer`, the server makes no sense.
        NotFound: the server has lost the upload under way.
        InvalidRequest: the server refuses the upload.
        ImpossibleError: the file changed under way.
    """
    place = address(endpoint)
    destinations.require_allowed(place, api=http.base_url)
    transfer = _Transfer(http, place, file, size, _encoded(metadata), chunk_bytes, answer_seconds)
    return await _followed(transfer, transfer.resumed(location), created, progressed, pauses)


@dataclass(frozen=True, slots=True, repr=False)
class _Transfer:
    """What stays the same while one file is sent."""

    http: httpx.AsyncClient
    endpoint: httpx.URL
    file: BinaryIO
    size: int
    metadata: str
    chunk_bytes: int
    answer_seconds: float

    def resumed(self, location: str | None) -> _State:
        """Return where to begin; an address that the endpoint would not give today is as good as gone."""
        if location is None:
            return _State("absent")
        try:
            return _State("saved", self._resolved(location))
        except ProviderUnavailable:
            return _State("absent")

    async def step(self, state: _State) -> _State:
        """Make one request and return what it led to.

        Raises:
            _BreakError: it failed in a way that the next one may not.
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
            raise _BreakError("PATCH was answered well, but nothing was accepted")
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
        """Send one request; the answer's body is read for the connection's sake alone, and bounded."""
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
            raise _BreakError(f"{method} failed: {egress.why(exc)}") from exc
        if answer.is_server_error or answer.status_code in _BREAKS:
            raise _BreakError(f"{method} was answered {answer.status_code}")
        return answer

    def _resolved(self, location: str) -> str:
        """Return the absolute address of an upload, which must be where the endpoint is: the bytes go there.

        A server behind a proxy that speaks TLS for it does not know, and says http.
        """
        url = address(location, self.endpoint)
        if (url.scheme, url.host, url.port) == ("http", self.endpoint.host, None):
            url = url.copy_with(scheme=self.endpoint.scheme, port=self.endpoint.port)
        if not location or (url.scheme, url.host, url.port) != _origin(self.endpoint):
            raise _malformed("the upload's Location is missing or is on another server than the endpoint")
        return str(url)

    def _fits(self, answer: httpx.Response) -> bool:
        return answer.headers.get("upload-length") in (None, str(self.size))

    def _offset(self, answer: httpx.Response, state: _State) -> int:
        """Return the answer's offset, between what was there and what we have sent."""
        return _within(answer, state.offset, min(self.size, state.offset + self.chunk_bytes))


async def _followed(
    transfer: _Transfer,
    state: _State,
    created: Callable[[str], None],
    progressed: Callable[[int], None],
    pauses: Sequence[float],
) -> str:
    """Make step after step until the whole file is there; pause after a break."""
    left = iter(pauses)
    while not (state.phase == "known" and state.offset == transfer.size):
        try:
            after = await transfer.step(state)
        except _BreakError as exc:
            pause = next(left, None)
            if pause is None:
                said = f"the upload stopped at byte {state.offset} of {transfer.size}: {exc}"
                raise ProviderUnavailable(said, code="upload_broken") from exc
            await asyncio.sleep(pause)
            state = replace(state, phase="unsure") if state.phase == "known" else state
            continue
        if after.location not in ("", state.location):
            created(after.location)
        if after.offset > state.offset:
            progressed(after.offset)
        if (after.location, after.offset) != (state.location, state.offset):
            left = iter(pauses)
        state = after
    return state.location


def address(text: str, base: httpx.URL | None = None) -> httpx.URL:
    """Return an http(s) address without a user; httpx would make an Authorization header of one.

    Raises:
        ProviderUnavailable: it is none; the error does not show it, because it may hold a ticket.
    """
    try:
        url = httpx.URL(text) if base is None else base.join(text)
        _ = url.host  # which is decoded only now
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL("")  # and not its error, whose text shows parts of the address
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise _malformed("an upload's address is no plain http(s) address")
    return url


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _encoded(metadata: Mapping[str, str]) -> str:
    """Return `key base64,key base64`, as `Upload-Metadata` wants it."""
    if not all(map(_METADATA_KEY.fullmatch, metadata)):
        raise _malformed("a key of the upload's metadata cannot be sent")
    values = {key: base64.b64encode(value.encode()).decode() for key, value in metadata.items()}
    return ",".join(f"{key} {value}".rstrip() for key, value in values.items())


async def _drain(answer: httpx.Response) -> None:
    """Read the body away, so that the connection can be used again; a long one is not worth it.

    Nor is a packed one: httpx would unpack it, and a few bytes may become gigabytes.
    """
    if "content-encoding" in answer.headers:
        return
    read = 0
    async for piece in answer.aiter_bytes():
        read += len(piece)
        if read > ANSWER_BYTES:
            return


def _accepted(answer: httpx.Response) -> httpx.Response:
    """Return an answer that is a success.

    Raises:
        ProviderUnavailable: a redirect; following it would send the ticket and the bytes elsewhere.
        ProviderError: a refusal. The server's own words may repeat the ticket and are not shown.
    """
    status = answer.status_code
    if answer.is_success:
        return answer
    other = (InvalidRequest, "refuses it") if answer.is_client_error else (ProviderUnavailable, "wants it elsewhere")
    kind, said = _REFUSALS.get(status, other)
    message = f"{answer.request.method}: the upload server {said}"
    raise kind(message, code=f"http_{status}", status=status, request_id=answer.headers.get("x-request-id"))


def _within(answer: httpx.Response, least: int, most: int) -> int:
    """Return the `Upload-Offset`, or say what is wrong with it."""
    method, text = answer.request.method, answer.headers.get("upload-offset", "")
    if not _OFFSET.fullmatch(text):
        raise _malformed(f"the answer to {method} has no Upload-Offset that is a number")
    if not least <= int(text) <= most:
        raise _malformed(f"the answer to {method} says Upload-Offset {int(text)}, not within {least} and {most}")
    return int(text)


def _malformed(said: str) -> ProviderUnavailable:
    return ProviderUnavailable(said, code="malformed_answer")
