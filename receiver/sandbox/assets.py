"""Files that a simulated provider made, at signed links: `/assets/<provider>/<id>?ticket=…`.

A link needs its ticket and no Authorization, and dies after the time that its provider gives it. Contents are made up
block by block while they are sent, so that gigabytes cost neither memory nor disk. ETag, Range and If-Range are there
as at a real store, and refusals are XML. The log of requests leaves these files out: a real provider keeps them on
another host. A provider whose store has ways of its own makes it of `Tickets` and `answer`.
"""

import asyncio
import hashlib
import hmac
import math
import random
import re
import struct
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from receiver.sandbox import faults
from receiver.sandbox.chance import new_uuid
from receiver.sandbox.ground import Ground
from receiver.sandbox.refusals import RefusalError, xml

BLOCK = 256 * 1024
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
MOST_IN_WAV = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds.

    Attributes:
        media_type: its type.
        size: its length in bytes.
        tag: differs where the content does.
        block: returns its n-th `BLOCK` bytes, counted from 0.
    """

    media_type: str
    size: int
    tag: str
    block: Callable[[int], bytes]

    async def pieces(self, start: int, end: int) -> AsyncIterator[bytes]:
        """Yield the bytes from `start` up to `end`, and let others work in between."""
        for number in range(start // BLOCK, -(-end // BLOCK)):
            await asyncio.sleep(0)
            first = number * BLOCK
            yield self.block(number)[max(0, start - first) : end - first]


def text(written: str, media_type: str) -> Content:
    """Return the content of a text file."""
    data = written.encode()
    return Content(media_type, len(data), hashlib.sha256(data).hexdigest(), lambda n: data[n * BLOCK : (n + 1) * BLOCK])


def sound(name: str, size: int, *, rate: int = 16_000, bits: int = 16) -> Content:
    """Return a WAV file of `size` bytes, with noise in it: always the same for the same name, size and quality."""
    long, frame = min(size - 44, MOST_IN_WAV - 36), -(-bits // 8)
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", long + 36, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * frame, frame, bits, b"data", long,
    )  # fmt: skip
    tag = hashlib.sha256(f"{name} {size} {rate} {bits}".encode(errors="replace")).hexdigest()

    def block(number: int) -> bytes:
        noise = random.Random(f"{name} {number}").randbytes(BLOCK)  # noqa: S311 - noise, no secret
        whole = noise if number else head + noise[len(head) :]
        return whole[: size - number * BLOCK]

    return Content("audio/wav", size, tag, block)


class Tickets:
    """Signatures: whoever shows one needs no key."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._secret = ground.chance.randbytes(32)

    def issue(self, place: str, seconds: float) -> str:
        """Return what opens a place for `seconds` of the provider's time."""
        expires = self._ground.deadline(seconds)
        return f"{expires}-{self._signature(place, str(expires))}"

    def check(self, place: str, request: Request, expired: RefusalError) -> None:
        """Refuse a request whose ticket does not open a place.

        Raises:
            RefusalError: 400: it brings a key too. 403: its signature does not match. `expired`: it came too late.
        """
        expires, _, signature = request.query_params.get("ticket", "").partition("-")
        if request.headers.get("authorization"):
            raise RefusalError(400, "InvalidArgument", "Only one way to authorize is allowed: the ticket.")
        right = self._signature(place, expires)
        if not hmac.compare_digest(signature.encode(errors="replace"), right.encode()):
            raise RefusalError(403, "SignatureDoesNotMatch", "The ticket does not match.")
        if time.time() > float(expires):
            raise expired

    def _signature(self, place: str, expires: str) -> str:
        return hmac.new(self._secret, f"{place} {expires}".encode(errors="replace"), hashlib.sha256).hexdigest()


class Assets:
    """The files of all providers."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._tickets = Tickets(ground)
        self._made: dict[str, Callable[[], Content]] = {}

    def add(self, provider: str, make: Callable[[], Content]) -> str:
        """Keep a file of a provider's, made by `make` whenever it is fetched. Return its id."""
        name = new_uuid(self._ground.chance)
        self._made[f"{provider}/{name}"] = make
        return name

    def link(self, request: Request, provider: str, name: str, *, seconds: float = math.inf) -> str:
        """Return a new link to a file, which lives for `seconds` of the provider's time."""
        place = f"{provider}/{name}"
        return f"{request.base_url}assets/{place}?ticket={self._tickets.issue(place, seconds)}"

    def route(self) -> Route:
        """Return the route of the links."""
        return Route("/assets/{place:path}", self._respond)

    async def _respond(self, request: Request) -> Response:
        fault = self._ground.faults.take(request)
        try:
            if (refused := faults.refused(fault)) is not None:
                raise refused
            given = answer(request, self._find(request)())
        except RefusalError as exc:
            given = xml(exc)
        return await faults.spoil(fault, given, request, self._ground.stopping)

    def _find(self, request: Request) -> Callable[[], Content]:
        place = request.path_params["place"]
        self._tickets.check(place, request, RefusalError(403, "AccessDenied", "Request has expired"))
        if place not in self._made:
            raise RefusalError(404, "NoSuchKey", "The sandbox keeps no content of files that were sent to it.")
        return self._made[place]


def answer(request: Request, content: Content, more: Mapping[str, str] | None = None) -> Response:
    """Return the file, or the range of it that is asked for, with `more` headers."""
    own = {"ETag": f'"{content.tag}"', "Accept-Ranges": "bytes", "Content-Type": content.media_type}
    headers = {**own, **(more or {})}
    wanted = _range(request, content)
    start, end = wanted or (0, content.size)
    if wanted is not None:
        if start >= content.size:
            beyond = RefusalError(416, "InvalidRange", "The range is beyond the end.")
            return xml(beyond, {"Content-Range": f"bytes */{content.size}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{content.size}"
    headers["Content-Length"] = str(end - start)
    status = 200 if wanted is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return StreamingResponse(content.pieces(start, end), status, headers)


def _range(request: Request, content: Content) -> tuple[int, int] | None:
    """Return from where up to where a client wants the content; None for all of it."""
    found = RANGE.fullmatch(request.headers.get("range", ""))
    is_same = request.headers.get("if-range", f'"{content.tag}"') == f'"{content.tag}"'
    if found is None or not is_same:
        return None
    first, last = found.groups()
    if not first:
        return (max(0, content.size - int(last)), content.size) if last else None
    start, end = int(first), int(last) + 1 if last else content.size
    return None if last and end <= start else (start, min(end, content.size))
