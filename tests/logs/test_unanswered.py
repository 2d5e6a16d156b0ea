"""`receiver.logs.unanswered`: why nobody answers is said, and nothing that the other side has sent."""

import socket
import ssl

import h11
import httpx
import pytest
import requests

from receiver.errors import ImpossibleError
from receiver.logs.unanswered import can_repeat, why
from receiver.providers import egress
from receiver.providers.destinations import WrongSideError
from tests.servers import echoing


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_why_nobody_answers_is_said_in_the_systems_words(host: str) -> None:
    async with egress.client() as http:
        with pytest.raises(httpx.ConnectError) as refused:
            await http.get(f"http://{host}:1")
    assert why(refused.value) == "connection refused"


@pytest.mark.parametrize(("error", "said"), [
    (httpx.ReadTimeout(""), "no answer in time"), (TimeoutError(), "no answer in time"),
    (caused(httpx.ConnectError("x"), socket.gaierror(-2, "Name or service not known")), "Name or service not known"),
    (caused(httpx.ConnectError("x"), ssl.SSLError(1, "certificate verify failed")), "certificate verify failed"),
    (caused(httpx.ReadError(""), caused(OSError("all"), ConnectionResetError(104, "x"))), "connection reset by peer"),
    (caused(OSError("all"), ExceptionGroup("both", [OSError(101, "x")])), "network is unreachable"),
    (caused(egress.SettingError("SSL_CERT_FILE: cannot be used"), OSError(2, "x")), "SSL_CERT_FILE: cannot be used"),
    (WrongSideError("its address is x"), "its address is x"),
    (httpx.RemoteProtocolError("Server disconnected without …"), "it hung up without an answer"),
    (httpx.RemoteProtocolError("peer closed connection …"), "it hung up in the middle of its answer"),
    (httpx.RemoteProtocolError("illegal status line: s3cret"), "what it sent is not HTTP"),
    (httpx.LocalProtocolError("Illegal header value b's3cret'"), "the request is not HTTP"),
    (httpx.ProxyError("407 s3cret"), "the proxy answered 407"), (httpx.ProxyError("s3cret"), "ProxyError"),
    (caused(httpx.ReadError(""), ImpossibleError("s3cret")), "ReadError"), (ValueError("s3cret"), "ValueError"),
])  # fmt: skip
def test_why_is_what_lies_behind_an_error_else_its_kind(error: BaseException, said: str) -> None:
    assert why(error) == said


async def test_a_server_that_repeats_what_it_reads_does_not_bring_a_token_into_an_error() -> None:
    async with egress.client() as http:
        with echoing() as server, pytest.raises(httpx.RemoteProtocolError, match="s3cret") as failed:
            await http.post(f"{server}/hooks/s3cret?token=s3cret")
    assert why(failed.value) == "what it sent is not HTTP"


def test_errors_of_clients_can_repeat_and_others_say_what_their_author_wrote() -> None:
    for error in (httpx.ReadError(""), h11.RemoteProtocolError(""), requests.ConnectionError(), WrongSideError("x")):
        assert can_repeat(error), error
    for other in (httpx.InvalidURL("x"), requests.exceptions.MissingSchema(), ValueError(), OSError(), TimeoutError()):
        assert not can_repeat(other), other
