"""Bring a file from a link here: bounded, checked, and whole or not at all.

    link ──▶ allowed? ──▶ GET ──▶ small enough? space? ──▶ pieces ──▶ checksum ──▶ the file
     ▲                     │                                 │            │
     └────dead: a fresh one┘◀──cut: from where it stopped────┘◀──from 0───┘

A link is a ticket: whoever has it has the file. It is not stored and not logged, and no error shows it. It dies, so it
is asked for when it is needed, and asked for again when it is dead. What has arrived when a download ends without the
file is kept for the next one (see `part`).

A person's URL is fetched in the same way, but nobody can give a fresh one, and it can redirect. `answers` reads what
the other side says of the file.
"""

import asyncio
import base64
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import httpx
from pydantic import SecretStr

from receiver.errors import ImpossibleError, InvalidRequest, NotFound, ProviderError, ProviderUnavailable
from receiver.logs.unanswered import why
from receiver.providers import destinations
from receiver.providers.downloads import answers
from receiver.providers.downloads.answers import BreakError, DeadLinkError, WrongSumError
from receiver.providers.downloads.part import NO_SPACE, PIECE_BYTES, Part

T = TypeVar("T")
Link: TypeAlias = Callable[[], Awaitable[SecretStr]]

RESERVE_BYTES = 1_000_000_000
LINKS = 3
REDIRECTS = 5
TOO_LARGE = "too_large"


@dataclass(frozen=True, slots=True)
class Pace:
    """How slow a download can be.

    Attributes:
        stall: seconds without a byte.
        least: seconds for a download of any size, in total.
        slowest: bytes a second; a larger file has more time.
        pauses: seconds to wait after each break; the sequence starts over after progress.
    """

    stall: float = 60.0
    least: float = 300.0
    slowest: int = 200_000
    pauses: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)

    def seconds(self, size: int) -> float:
        """Return the total time for a file of `size` bytes."""
        return self.least + size / self.slowest


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that is here. `sha256` in hexadecimal digits; `content_type` as the server says it."""

    bytes: int
    sha256: str
    content_type: str | None


async def download(
    http: httpx.AsyncClient,
    link: Link | SecretStr,
    into: Path,
    *,
    most: int,
    private: bool,
    reserve: int = RESERVE_BYTES,
    pace: Pace = Pace(),
) -> Downloaded:
    """Download a file, and return when it is on disk, 0600. A file of this name is replaced.

    Args:
        http: sends the requests, without its headers, cookies and authorization. Its connections are used, so it must
            not have any to a private address if `private` is false.
        link: returns a link; another call returns a fresh one. Or a person's URL, of which there is only one.
        into: where the file will be. Missing folders are made, 0700.
        most: the largest size in bytes.
        private: whether the address can be private, and http: the API is at such an address itself.
        reserve: how many bytes stay free on the disk.
        pace: how slow it can be.

    Raises:
        ImpossibleError: the file is too large (code `too_large`), the disk too full (`no_space`) or not usable.
        ProviderUnavailable: the download broke (`download_broken`), took too long (`transport`), or has a wrong
            checksum (`wrong_checksum`); the links die (`dead_links`); the answer makes no sense (`malformed_answer`).
        InvalidRequest: the server refuses. A URL can also be at fault for what another link would correct.
        BusyError: another process downloads the same file.
    """
    part = Part(into, reserve=reserve)
    with _meaning(link, into):
        async with _filling(part):
            content_type = await _bring(http, link, part, most=most, private=private, pace=pace)
    return Downloaded(part.size, part.sha256, content_type)


@contextmanager
def _meaning(link: Link | SecretStr, into: Path) -> Iterator[None]:
    """Raise errors for what they mean to the caller: whether another try can help."""
    try:
        yield
    except ProviderUnavailable as exc:
        if isinstance(link, SecretStr) and exc.code == answers.MALFORMED:  # the URL leads nowhere else later
            raise InvalidRequest(exc.message, code=exc.code) from exc
        raise
    except OSError as exc:
        code = NO_SPACE if exc.errno in (errno.ENOSPC, errno.EDQUOT) else None
        raise ImpossibleError(f"{into} cannot be written: {exc.strerror}", code=code) from exc


@asynccontextmanager
async def _filling(part: Part) -> AsyncIterator[None]:
    """Open a part; finish it when it has been filled. Otherwise keep what is here, unless it can never be continued."""
    try:
        await _in_thread(part.open)
        yield
        await _in_thread(part.finish)
    except ImpossibleError:
        await _in_thread(part.discard)
        raise
    finally:
        await _in_thread(part.close)


async def _bring(
    http: httpx.AsyncClient, link: Link | SecretStr, part: Part, *, most: int, private: bool, pace: Pace
) -> str | None:
    """Fill the part in time, and return the file's content type."""
    began = asyncio.get_running_loop().time()
    try:
        async with asyncio.timeout_at(began + pace.seconds(most)) as limit:
            return await _Transfer(http, link, part, most, private, pace, began, limit).complete()
    except TimeoutError as exc:
        raise ProviderUnavailable(
            f"the download takes too long: after {asyncio.get_running_loop().time() - began:.0f} s "
            f"{part.size:,} bytes are here",
            code="transport",
        ) from exc


@dataclass(frozen=True, slots=True, repr=False)
class _Transfer:
    """What one file's transfer needs."""

    http: httpx.AsyncClient
    link: Link | SecretStr
    part: Part
    most: int
    private: bool
    pace: Pace
    began: float
    limit: asyncio.Timeout

    async def complete(self) -> str | None:
        """Ask until the file is here and its checksum is right; pause after a break. Return its content type."""
        pauses, links, is_second, furthest = iter(self.pace.pauses), 1, False, self.part.size
        url = await self._fresh()
        while True:
            try:
                return await self._attempt(url)
            except DeadLinkError as exc:
                if links == LINKS or isinstance(self.link, SecretStr):
                    raise self._dead(exc.status) from exc
                links += 1
                url = await self._fresh()
                continue
            except WrongSumError as exc:
                if is_second:
                    raise ProviderUnavailable(
                        "the file arrives, but not with its checksum", code="wrong_checksum"
                    ) from exc
                is_second = True
                await _in_thread(self.part.begin, None)
                continue
            except (httpx.HTTPError, httpx.StreamError, BreakError) as exc:
                problem = _why(exc)
            if self.part.size > furthest:
                pauses, links, furthest = iter(self.pace.pauses), 1, self.part.size
            pause = next(pauses, None)
            if pause is None:  # raised outside of `except`: an error of httpx can repeat what the server said
                message = f"the download stopped at byte {self.part.size}: {problem}"
                raise ProviderUnavailable(message, code="download_broken")
            await asyncio.sleep(pause)

    async def _fresh(self) -> httpx.URL:
        link = self.link if isinstance(self.link, SecretStr) else await self.link()
        return destinations.address(link.get_secret_value())

    def _dead(self, status: int) -> ProviderError:
        if isinstance(self.link, SecretStr):
            kind = NotFound if status in (404, 410) else InvalidRequest
            return kind("the server does not give the file", code=f"http_{status}", status=status)
        message = f"the links die: {LINKS} fresh ones in a row were refused"
        return ProviderUnavailable(message, code="dead_links", status=status)

    async def _attempt(self, url: httpx.URL) -> str | None:
        """Send one request, and receive what it brings."""
        answer = await self._ask(url)
        try:
            total = await self._place(answer)
            await self._receive(answer)
        finally:
            await answer.aclose()
        if total not in (None, self.part.size):
            raise BreakError(f"the answer ended before byte {total}")
        if answers.md5_sums(answer) - {base64.b64encode(self.part.md5).decode()}:
            raise WrongSumError
        content_type: str | None = answer.headers.get("content-type")
        return content_type

    async def _ask(self, url: httpx.URL) -> httpx.Response:
        """Return the answer to one request, of which nothing is read yet. Only a person's URL can redirect."""
        redirects = REDIRECTS if isinstance(self.link, SecretStr) else 0
        for _ in range(redirects + 1):
            answer = await self._send(url)
            if not answer.has_redirect_location:
                return answer
            await answer.aclose()
            url = destinations.address(answer.headers["location"], url)
        raise answers.malformed(f"the file's address redirects more than {redirects} times")

    async def _send(self, url: httpx.URL) -> httpx.Response:
        headers = {"User-Agent": self.http.headers["User-Agent"], "Accept": "*/*", "Accept-Encoding": "identity"}
        if self.part.size and self.part.etag is not None:
            headers |= {"Range": f"bytes={self.part.size}-", "If-Range": self.part.etag}
        # `http.build_request` would add the client's headers, with the API key, and its cookies.
        timeout = httpx.Timeout(self.pace.stall).as_dict()
        request = httpx.Request("GET", url, headers=headers, extensions={"timeout": timeout})
        if not self.private:
            destinations.require_public(url)
            destinations.guard_public(request)
        return await self.http.send(request, stream=True, auth=None, follow_redirects=False)

    async def _place(self, answer: httpx.Response) -> int | None:
        """Decide where an answer's bytes belong, and return the whole file's size, None if it is not said.

        Raises:
            ImpossibleError: the file is too large for the setting or for the disk.
        """
        answers.require_usable(answer)
        if answer.status_code == httpx.codes.OK:
            total = answers.length(answer)
            self._require_allowed(total or 0)
            await _in_thread(self.part.begin, answers.etag(answer))
        else:
            total = answers.continued(answer, self.part.size, self.part.etag)
            if total is None:
                await _in_thread(self.part.begin, None)
                raise BreakError("the server cannot continue the file")
            self._require_allowed(total)
        if total is not None:
            self.limit.reschedule(self.began + self.pace.seconds(total))
            await _in_thread(self.part.require_space, total - self.part.size)
        return total

    async def _receive(self, answer: httpx.Response) -> None:
        piece = bytearray()
        try:
            async for some in answer.aiter_raw():
                self._require_allowed(self.part.size + len(piece) + len(some))
                piece += some
                if len(piece) >= PIECE_BYTES:
                    full, piece = piece, bytearray()
                    await _in_thread(self.part.write, full)
        except (httpx.HTTPError, httpx.StreamError):
            await _in_thread(self.part.write, piece)  # what has arrived before the break
            raise
        await _in_thread(self.part.write, piece)

    def _require_allowed(self, size: int) -> None:
        if size > self.most:
            message = f"the file has {size:,} bytes or more; RECEIVER_ARTIFACT_MAX_MB allows {self.most:,}"
            raise ImpossibleError(message, code=TOO_LARGE)


def _why(error: Exception) -> str:
    if isinstance(error, httpx.RemoteProtocolError):
        return "the connection was cut"
    return str(error) if isinstance(error, BreakError) else why(error)


async def _in_thread(work: Callable[..., T], *arguments: object) -> T:
    """Do blocking work in a thread. A cancellation waits for its end, so that no two threads work on one file."""
    working = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.gather(working, return_exceptions=True)
        raise
