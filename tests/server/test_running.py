"""`receiver.server.running`: the address on which the server listens, and the URL of that address."""

import socket

import httpx
import pytest

from receiver.errors import ConfigError
from receiver.server import bind
from receiver.settings import addresses
from tests.processes import Processes, free_port


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")

ADDRESSES = {
    "127.0.0.1": "127.0.0.1",
    "192.0.2.7": "192.0.2.7",
    "0.0.0.0": "127.0.0.1",  # noqa: S104 - nobody listens there
    "0": "127.0.0.1",
    "127.1": "127.0.0.1",
    "::": "127.0.0.1",
    "[::]": "127.0.0.1",
    "0:0::0": "127.0.0.1",
    "::ffff:0.0.0.0": "127.0.0.1",
    "::1": "[::1]",
    "[::1]": "[::1]",
    "0:0:0:0:0:0:0:1": "[::1]",
    "2001:DB8::7": "[2001:db8::7]",
    "localhost": "localhost",
    "web.internal": "web.internal",
    "w\u00e9b": "w\u00e9b",
}


@pytest.mark.parametrize(("host", "shown"), ADDRESSES.items())
def test_what_listens_has_an_address_that_reaches_it_from_here(host: str, shown: str) -> None:
    assert addresses.here(host, 8000) == f"http://{shown}:8000"


@ipv6
@pytest.mark.parametrize("host", ["::", "[::]", "0::"])
@pytest.mark.parametrize("client", ["127.0.0.1", "::1"])
def test_every_address_is_every_one_of_both_families(host: str, client: str) -> None:
    with bind(host, 0) as listener:
        socket.create_connection((client, listener.getsockname()[1])).close()


@ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_one_address_of_ipv6_is_that_one_alone(host: str) -> None:
    with bind(host, 0) as listener:
        port = listener.getsockname()[1]
        socket.create_connection(("::1", port)).close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize("host", ["localhost", "0", "127.0.0.1"])
def test_other_names_of_this_machine_stay_what_they_are(host: str) -> None:
    with bind(host, 0) as listener:
        reached = httpx.URL(addresses.here(host, listener.getsockname()[1]))
        socket.create_connection((reached.host, reached.port)).close()


@pytest.mark.parametrize("host", ["[::1", "::1]", "[localhost", "192.0.2.7"])
def test_what_is_no_address_of_this_machine_is_refused_in_one_line(host: str) -> None:
    with pytest.raises(ConfigError) as refused:
        bind(host, 0)
    assert f"cannot listen on {host} port 0 (" in str(refused.value)


@ipv6
@pytest.mark.parametrize(("host", "shown"), [("::", "127.0.0.1"), ("[::1]", "[::1]")])
def test_what_serve_says_is_where_send_delivers(host: str, shown: str, processes: Processes) -> None:
    processes.environment |= {"HOST": host, "PORT": str(free_port())}
    processes.run("migrate")
    web = processes.start("serve")
    web.until_logged(f"listening on http://{shown}:{processes.environment['PORT']} with")
    sent = processes.run("send", "--sample", "test")
    assert (sent.returncode, sent.stdout) == (0, '200 {"status":"stored"}\n')
