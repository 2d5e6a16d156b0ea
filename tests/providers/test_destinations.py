"""`receiver.providers.destinations`: an answer cannot send a file to our own network."""

import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from receiver.errors import ProviderUnavailable
from receiver.providers import TranscribeSo, destinations, egress, tus
from receiver.providers.destinations import WrongSideError
from receiver.providers.transcribe_so.answers import UploadAnswer
from tests.providers.scripted import KEY
from tests.servers import App, lead_here, sent_nothing

PUBLIC = "https://transcribe.so"
TICKET = "?signature=sesame"
PLACES_OF_OURS = [
    "https://127.0.0.1/x", "https://127.8.9.1:8443/x", "https://[::1]/x", "https://localhost/x", "https://LOCALHOST./x",
    "https://a.localhost/x", "https://0x7f000001/x", "https://127.1/x", "https://2130706433/x",
    "https://[::ffff:127.0.0.1]/x", "https://[64:ff9b::7f00:1]/x", "https://[2002:7f00:1::]/x", "https://0.0.0.0/x",
    "https://[::]/x", "https://10.1.2.3/x", "https://172.16.0.1/x", "https://192.168.1.1/x", "https://100.64.0.1/x",
    "https://169.254.169.254/latest/meta-data", "https://[fd00::1]/x", "https://[fe80::1]/x", "https://224.0.0.1/x",
    "https://[ff02::1]/x", "http://169.254.169.254/x", "http://127.0.0.1:5432/x", "http://upload.transcribe.so/x",
]  # fmt: skip


class Server:
    """Takes whatever is sent, and notes where to."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        return httpx.Response(201, headers={"Location": f"{request.url}1", "Upload-Offset": "3"})


async def content() -> AsyncIterator[bytes]:
    yield b"abc"


async def put(api_url: str, place: str, transport: httpx.AsyncBaseTransport | None = None) -> list[str]:
    """Send a file with a PUT to where an answer says."""
    server = Server()
    async with TranscribeSo(api_url, KEY, transport=transport or httpx.MockTransport(server)) as api:
        ticket = UploadAnswer.model_validate({"upload_id": "u", "upload_url": place + TICKET})
        await api.put_upload(ticket, content(), content_type="audio/mpeg", file_size=3)
    return server.asked


async def in_pieces(api_url: str, place: str, transport: httpx.AsyncBaseTransport | None = None) -> list[str]:
    """Send a file in pieces to the endpoint that an answer names."""
    server = Server()
    async with TranscribeSo(api_url, KEY, transport=transport or httpx.MockTransport(server)) as api:
        await tus.upload(
            api.http, place, io.BytesIO(b"abc"), size=3, metadata={}, created=nobody, progressed=lambda _: None,
            pauses=(),
        )  # fmt: skip
    return server.asked


async def nobody(_: str) -> None:
    """Keep no location."""


both = pytest.mark.parametrize("send", [put, in_pieces])


@both
@pytest.mark.parametrize("place", PLACES_OF_OURS)
async def test_a_file_goes_to_no_place_of_ours(send: Any, place: str) -> None:
    with pytest.raises(ProviderUnavailable, match="not a public https address") as refused:
        await send(PUBLIC, place)
    assert refused.value.code == "malformed_answer"
    assert "sesame" not in str(refused.value)


@both
@pytest.mark.parametrize("place", ["https://s3.transcribe.so/x", "https://8.8.8.8/x", "https://[2600::1]:9000/x"])
async def test_a_file_goes_to_a_public_place(send: Any, place: str) -> None:
    assert (await send(PUBLIC, place))[0].startswith(place)


@both
@pytest.mark.parametrize("api_url", ["http://127.0.0.1:9000", "http://sandbox.test", "https://127.0.0.1:9443"])
async def test_a_provider_of_our_own_may_name_what_it_likes(send: Any, api_url: str) -> None:
    for place in ("http://127.0.0.1:9000/s3/x", "https://10.0.0.1/x"):
        assert (await send(api_url, place))[0].startswith(place)


@both
@pytest.mark.parametrize("name", ["rebound.test", "REBOUND.test", "b\u00fccher.test", "xn--bcher-kva.test"])
async def test_a_name_that_has_become_a_place_of_ours_is_not_sent_a_byte(
    send: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However it is resolved: what counts is where the connection went."""
    lead_here(".test", monkeypatch)
    async with sent_nothing() as port:
        with pytest.raises(ProviderUnavailable, match=r"\.test, which is 127\.0\.0\.1"):
            await send(PUBLIC, f"https://{name}:{port}/x", httpx.AsyncHTTPTransport())


async def test_a_proxy_of_ours_may_be_anywhere() -> None:
    """It is what the connection goes to, and not what the answer named."""
    request = httpx.Request("PUT", "https://s3.transcribe.so/x")
    destinations.guard(request, api=httpx.URL(PUBLIC))
    await request.extensions["trace"]("connection.connect_tcp.started", {"host": "10.0.0.1"})
    await request.extensions["trace"]("connection.connect_tcp.complete", {"return_value": None})


class Stream:
    """A connection to an address."""

    def __init__(self, host: str) -> None:
        self._host = host
        self.is_closed = False

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return self._host, 443

    async def aclose(self) -> None:
        self.is_closed = True


async def connected(request: httpx.Request, host: str) -> Stream:
    """Connect a request to an address, as httpcore tells it, and return the connection."""
    stream, watch = Stream(host), request.extensions["trace"]
    await watch("connection.connect_tcp.started", {"host": request.url.host})
    await watch("connection.connect_tcp.complete", {"return_value": stream})
    return stream


@pytest.mark.parametrize("place", [place for place in PLACES_OF_OURS if "upload." not in place])
def test_a_request_that_is_kept_to_public_addresses_goes_to_no_place_of_ours(place: str) -> None:
    with pytest.raises(WrongSideError, match="which is not public"):
        destinations.keep_to(httpx.Request("POST", place + TICKET), "public")
    destinations.keep_to(httpx.Request("POST", place), "private")


async def test_a_request_is_kept_to_its_side_where_a_name_is_resolved() -> None:
    for side, right, wrong in (("public", "8.8.8.8", "10.0.0.1"), ("private", "10.0.0.1", "8.8.8.8")):
        request = httpx.Request("POST", f"https://name.test/x{TICKET}")
        destinations.keep_to(request, side)  # type: ignore[arg-type]  # a loop's variable
        assert not (await connected(request, right)).is_closed
        said = rf"^its address is name\.test, which is {wrong}, which is not {side}$"
        with pytest.raises(WrongSideError, match=said):
            await connected(request, wrong)


async def test_a_connection_that_another_request_has_opened_is_not_used_unchecked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor is one to which a request of the same side was redirected."""
    lead_here(".test", monkeypatch)
    with App().running() as app:
        here = f"http://rebound.test:{httpx.URL(app.url).port}"
        async with egress.Clients(timeout=60) as clients:
            http = clients.another()
            await http.post(f"{here}/open")
            first, kept, own = (http.build_request("POST", url) for url in (app.url, f"{here}/kept", f"{here}/own"))
            destinations.keep_to(first, "private")
            await http.send(httpx.Request("POST", f"{here}/followed", extensions=first.extensions))
            assert app.connections == 1
            destinations.keep_to(kept, "public")
            with pytest.raises(WrongSideError, match=r"rebound\.test, which is 127\.0\.0\.1, which is not public"):
                await http.send(kept)
            destinations.keep_to(own, "private")
            await http.send(own)
    assert [got.path for got in app.got] == ["/open", "/followed", "/own"]
    assert app.connections == 3, "that of `open`, the one that was refused, that of `own`"


def test_a_request_that_is_kept_to_private_addresses_goes_to_no_public_one() -> None:
    with pytest.raises(WrongSideError, match=r"^its address is 8\.8\.8\.8, which is not private$"):
        destinations.keep_to(httpx.Request("POST", f"http://8.8.8.8/x{TICKET}"), "private")
