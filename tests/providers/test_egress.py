"""`providers.egress`: this machine is asked without a proxy, and a request that needs an unusable setting names it."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from receiver.errors import ProviderUnavailable
from receiver.providers import TranscribeSo, egress
from receiver.settings.inherited import CERTIFICATES
from tests.processes import REPOSITORY, free_port
from tests.servers import Quiet, quiet

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *CERTIFICATES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@contextmanager
def answering(word: str) -> Iterator[str]:
    """Answer every request with a word, whatever is asked for."""

    class Answer(Quiet):
        def answer(self) -> None:
            self.say(200, word.encode())

    with quiet(Answer) as url:
        yield url


async def ask(url: str) -> str:
    async with egress.client(timeout=60) as http:
        return (await http.get(url)).text


class Closable(httpx.MockTransport):
    """Knows whether it was closed."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True


async def test_clients_share_their_connections_and_nothing_else() -> None:
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, headers={"Set-Cookie": "session=theirs"})

    shared: Any = Closable(answer)
    async with egress.Clients(timeout=5) as clients:
        clients._routes._made["", False, ""] = shared  # noqa: SLF001 - where connections are
        one, other = clients.another(), clients.another()
        one.headers["Authorization"] = "Bearer sesame"
        one.base_url = httpx.URL("http://localhost:1")
        await one.get("/a")
        await one.aclose()
        assert not shared.closed
        await other.get("http://localhost:2/b")
    assert shared.closed
    assert (str(other.base_url), other.timeout.connect) == ("", 5)
    assert [(str(request.url), request.headers.get("Authorization")) for request in sent] == [
        ("http://localhost:1/a", "Bearer sesame"), ("http://localhost:2/b", None),
    ]  # fmt: skip
    assert "Cookie" not in sent[1].headers


async def test_what_is_set_on_a_client_before_its_first_use_holds() -> None:
    async with egress.Clients(timeout=5) as clients:
        one, other = clients.another(), clients.another()
        one.timeout = httpx.Timeout(7)
        one.headers["X-One"] = "1"
        with pytest.raises(AttributeError, match="nothing"):
            one.nothing  # type: ignore[attr-defined]  # noqa: B018
    assert (one.timeout.connect, other.timeout.connect, other.trust_env) == (7, 5, False)


def is_straight(url: str) -> bool:
    """Whether a request goes there without a proxy."""
    routes = egress.Routes()
    return routes.route(httpx.URL(url)) is routes.route(httpx.URL(f"{httpx.URL(url).scheme}://127.0.0.1"))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
async def test_only_what_is_elsewhere_goes_through_the_proxy(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering("the proxy") as proxy, answering("the server") as server:
        monkeypatch.setenv(variable, proxy)
        assert await ask("http://elsewhere.invalid/x") == "the proxy"
        assert await ask(server) == "the server"
        assert await ask(server.replace("127.0.0.1", "localhost")) == "the server"


@pytest.mark.parametrize("host", ["localhost", "api.localhost", "127.0.0.1", "127.8.8.8", "[::1]"])
def test_every_name_of_this_machine_is_asked_past_a_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1080")  # unusable without the package socksio
    assert is_straight(f"http://{host}:9000/x")
    assert is_straight(f"https://{host}:9000/x")


@pytest.mark.parametrize(
    ("no_proxy", "host", "straight"),
    [
        ("example.com", "example.com", True),
        ("example.com", "api.example.com", True),
        (".example.com", "api.example.com", True),
        ("*.example.com", "api.example.com", True),
        ("example.com", "badexample.com", False),
        ("EXAMPLE.com", "example.COM", True),
        ("x.test, example.com", "example.com", True),
        ("*", "example.com", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("[fd00::1],fd01::/16", "[fd00::1]", True),
        ("[::1],fd01::/16", "[fd01::5]", True),
        ("[::1", "example.com", False),
        (",,", "example.com", False),
        ("", "example.com", False),
    ],
)
def test_what_no_proxy_names_is_asked_past_it(
    no_proxy: str, host: str, monkeypatch: pytest.MonkeyPatch, *, straight: bool
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "proxy.test:3128")
    monkeypatch.setenv("no_proxy", no_proxy)
    assert is_straight(f"http://{host}/") == straight


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("ALL_PROXY", "socks5://127.0.0.1:1080", "ALL_PROXY: a SOCKS proxy needs the package socksio"),
        ("HTTPS_PROXY", "secret:not-a-port", "HTTPS_PROXY: must be the address of a proxy"),
        ("HTTPS_PROXY", "ftp://secret", "HTTPS_PROXY: must be the address of a proxy"),
        ("SSL_CERT_FILE", "/gone/secret", "SSL_CERT_FILE: cannot be used"),
        ("SSLKEYLOGFILE", "/gone/secret", "SSLKEYLOGFILE: cannot be used"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_named_where_it_is_needed_and_stops_nothing_else(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with answering("the server") as server:
        assert await ask(server) == "the server"
    with pytest.raises(egress.SettingError, match=said) as refused:
        await ask("https://elsewhere.invalid")
    assert "secret" not in str(refused.value)
    assert egress.mistakes() == [str(refused.value)]
    async with TranscribeSo("https://elsewhere.invalid", SecretStr("tsk_x"), retries=(3600,)) as provider:
        with pytest.raises(ProviderUnavailable, match=said):  # at once: it would stay wrong
            await provider.me()


async def test_settings_that_are_right_are_no_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert egress.mistakes() == []
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    assert egress.mistakes() == []


def test_one_place_makes_every_client() -> None:
    makes = re.compile(r"httpx\.(AsyncClient|Client|AsyncHTTPTransport|get|post|request|stream)\(")
    found = {path.name for path in (REPOSITORY / "receiver").rglob("*.py") if makes.search(path.read_text())}
    assert found == {"egress.py"}


async def test_a_silent_connection_is_kept_alive() -> None:
    with answering("the server") as server:
        async with egress.client(timeout=60) as http, http.stream("GET", server) as answer:
            connection = answer.extensions["network_stream"].get_extra_info("socket")
            assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert connection.getsockopt(socket.IPPROTO_TCP, egress._IDLE) == 30  # noqa: SLF001 - macOS has another name
