"""How long `receiver up` takes, from its start to the answer to a delivery."""

import socket
import time
from contextlib import suppress
from functools import partial

from receiver.database.embedded import wait_until_stopped
from tests.benchmarks.figures import Line, Target
from tests.benchmarks.load import HOST, Order, prepare
from tests.benchmarks.machine import strangers
from tests.benchmarks.stage import Place, Stage
from tests.benchmarks.turns import Run
from tests.processes import free_port, until

TARGET = Target(1.5, at_least=False)


def up(stage: Stage, run: Run) -> list[Line]:
    """Start it with an embedded database that is there, but does not run."""
    place = stage.place("up")
    del place.environment["DATABASE_URL"]
    begin(place, "warm")
    taken, shares = list[float](), list[float]()
    for number in range(run.rounds):
        with strangers(place.folder / ".receiver") as share:
            taken.append(begin(place, f"up{number}"))
        shares.append(share())
    return [Line("start of `receiver up` to its first answer", "s", taken, target=TARGET, strangers=max(shares))]


def begin(place: Place, run: str) -> float:
    """Return the seconds until a delivery is answered; everything has ended then."""
    port = free_port()
    (request,) = prepare(Order(port, run, 1))
    began = time.monotonic()
    process = place.start("up", PORT=str(port))
    answer: bytes = until(partial(_answer, port, request), "it answers")
    taken = time.monotonic() - began
    process.end()
    wait_until_stopped(place.folder / ".receiver")
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return taken


def _answer(port: int, request: bytes) -> bytes:
    """Return what is answered; empty while nobody listens. Where somebody listens, the request waits for an answer."""
    with suppress(ConnectionRefusedError), socket.create_connection((HOST, port), timeout=60) as line:
        line.sendall(request)
        return line.recv(65_536)
    return b""
