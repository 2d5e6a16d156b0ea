"""`receiver.providers.exchange`: what a broken connection says about what the provider can have begun."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from receiver.errors import ProviderUnavailable
from receiver.providers import bodies, egress
from receiver.providers.bodies import Body
from receiver.providers.exchange import NOT_ALL_SENT, UNREACHABLE, exchange
from receiver.providers.tries import NOTHING_SENT
from tests.processes import free_port
from tests.providers.breaking import End, a_part, all_of_it, answer, breaking, nothing

LARGE = b"x" * 32_000_000  # more than the buffers of both ends hold
LONG = 60.0


async def ask(url: str, *, content: bytes = LARGE, seconds: float = LONG) -> httpx.Response:
    """Send a form with a file, and return the answer."""
    async with egress.client() as http:
        body = bodies.form([], ("talk.mp3", content))
        request = http.build_request("POST", url, content=body, headers=body.headers)
        found, _ = await exchange(http, request, seconds=seconds, most=1000, body=body)
        return found


@pytest.mark.parametrize(
    ("after", "says", "end", "code"),
    [
        (a_part, b"", "reset", NOT_ALL_SENT),
        (a_part, b"", "close", NOT_ALL_SENT),
        (nothing, answer(401), "reset", NOT_ALL_SENT),  # the reset takes the answer with it
        (all_of_it, b"", "reset", "transport"),
        (all_of_it, b"", "close", "transport"),
        (all_of_it, answer(200, says=100), "reset", "transport"),
        (all_of_it, answer(200, says=100), "close", "transport"),
        (all_of_it, b"not HTTP\r\n\r\n", "close", "transport"),
        (all_of_it, answer(200, b" " * 2000), "close", "malformed_answer"),
    ],
)
async def test_nothing_is_begun_only_while_not_all_was_given(
    after: Callable[[int], int], says: bytes, end: End, code: str
) -> None:
    async with breaking(after=after, says=says, end=end) as server:
        with pytest.raises(ProviderUnavailable) as raised:
            await ask(server.url)
    assert (raised.value.code, raised.value.status) == (code, None)
    assert (code in NOTHING_SENT) == (code == NOT_ALL_SENT)


async def test_a_refused_connection_has_begun_nothing() -> None:
    with pytest.raises(ProviderUnavailable, match="connection refused") as raised:
        await ask(f"http://127.0.0.1:{free_port()}/")
    assert raised.value.code == UNREACHABLE
    assert raised.value.code in NOTHING_SENT


@pytest.mark.parametrize(("after", "content", "code"), [(nothing, LARGE, NOT_ALL_SENT), (all_of_it, b"x", "transport")])
async def test_a_server_that_is_silent_is_left_at_the_deadline(
    after: Callable[[int], int], content: bytes, code: str
) -> None:
    async with breaking(after=after, end="silence") as server, asyncio.timeout(LONG):
        with pytest.raises(ProviderUnavailable, match=r"no answer in 0\.3 s") as raised:
            await ask(server.url, content=content, seconds=0.3)
    assert raised.value.code == code


async def test_an_early_refusal_is_read_from_a_server_that_reads_on() -> None:
    async with breaking(after=nothing, says=answer(401), end="reads on") as server:
        assert (await ask(server.url)).status_code == 401


@pytest.mark.parametrize("status", [502, 504, 520, 521, 522, 523, 524])
async def test_what_a_proxy_says_after_all_was_given_is_an_answer(status: int) -> None:
    async with breaking(after=all_of_it, says=answer(status, b"<html>")) as server:
        assert (await ask(server.url, content=b"x")).status_code == status


async def test_a_body_of_fewer_bytes_than_it_says_is_never_all_given() -> None:
    """A file has become shorter."""

    async def short() -> AsyncIterator[bytes]:
        yield b"x"

    async with breaking(after=all_of_it) as server, egress.client() as http:
        body = Body(short(), 2)
        request = http.build_request("POST", server.url, content=body, headers=body.headers)
        with pytest.raises(ProviderUnavailable) as raised:
            await exchange(http, request, seconds=LONG, most=1000, body=body)
    assert raised.value.code == NOT_ALL_SENT


async def test_what_was_given_whole_before_the_connection_broke_may_have_been_begun() -> None:
    """The last piece counts from the moment in which the connection takes it."""

    class Breaks(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.AsyncByteStream)
            async for _ in request.stream:
                if body.all_given:
                    break
            raise httpx.WriteError("lost")

    async with egress.client(transport=Breaks()) as http:
        body = bodies.form([], ("talk.mp3", b"x"))
        request = http.build_request("POST", "http://provider.test", content=body, headers=body.headers)
        with pytest.raises(ProviderUnavailable) as raised:
            await exchange(http, request, seconds=LONG, most=1000, body=body)
    assert raised.value.code == "transport"
