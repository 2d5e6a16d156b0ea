"""`receiver.cli.up.listeners`: a usual port that is taken stops nothing, and one that was asked for is an error."""

import socket
from contextlib import ExitStack

import pytest

from receiver import console, settings
from receiver.cli import main
from receiver.cli.up.listeners import PORTS, Listeners, listening
from receiver.errors import ConfigError
from receiver.health.metrics import page
from tests.processes import free_port


def opened(stack: ExitStack, **variables: str) -> Listeners:
    return stack.enter_context(
        listening(settings.load(**({"PORT": str(free_port()), "RECEIVER_CONSOLE": "off"} | variables)))
    )


def place(listener: socket.socket | None) -> tuple[str, int] | None:
    return None if listener is None else listener.getsockname()[:2]


def test_the_help_of_up_says_the_usual_places() -> None:
    shown = main.commands["up"].help or ""
    assert console.USUAL in shown
    assert page.USUAL in shown


@pytest.mark.usefixtures("own_environment")
def test_scrapes_have_the_place_that_is_set_or_none() -> None:
    port = free_port()
    with ExitStack() as stack:
        assert place(opened(stack, RECEIVER_METRICS=f"127.0.0.1:{port}").metrics) == ("127.0.0.1", port)
        assert opened(stack, RECEIVER_METRICS="off").metrics is None
        with pytest.raises(ConfigError, match="set RECEIVER_METRICS or --listen to another place"):
            opened(stack, RECEIVER_METRICS=f"127.0.0.1:{port}")


@pytest.mark.usefixtures("own_environment")
def test_if_the_usual_port_is_taken_the_next_free_one_is_used(caplog: pytest.LogCaptureFixture) -> None:
    """The usual port can be taken here before."""
    first = int(page.USUAL.rpartition(":")[2])
    with ExitStack() as stack:
        found = [place(opened(stack).metrics) for _ in range(PORTS + 1)]
    ports = [one[1] for one in found if one is not None]
    assert ports == sorted({*ports})
    assert set(ports) <= set(range(first, first + PORTS))
    assert found[-1] is None, "there are not so many"
    assert "no metrics: the ports" in caplog.text
    assert f"port {first} is taken: metrics at port {ports[-1]}; RECEIVER_METRICS names another place" in caplog.text


@pytest.mark.usefixtures("own_environment")
def test_a_console_that_others_could_reach_needs_a_token_and_can_be_off() -> None:
    with ExitStack() as stack:
        assert opened(stack, RECEIVER_CONSOLE="off").console is None
        port = free_port()
        assert place(opened(stack, RECEIVER_CONSOLE=f"[::1]:{port}").console) == ("::1", port)
        with pytest.raises(ConfigError, match="set RECEIVER_CONSOLE_TOKEN"):
            opened(stack, RECEIVER_CONSOLE=f"0.0.0.0:{port}")
