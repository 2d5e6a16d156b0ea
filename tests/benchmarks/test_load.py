"""The client of the benchmarks, against tiny servers: what it sends is authentic, and what it counts is what came."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from receiver import signature
from tests.benchmarks.load import HOST, SECRET, Load, Order, event_id, prepare

GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
BAD = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Tiny:
    """A server that answers each request with what `answer` makes of its number: in pieces, or not at all if none."""

    answer: Callable[[int], tuple[bytes, ...]]
    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator["Tiny"]:
        with socket.create_server((HOST, 0)) as listener:
            self.port = listener.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            yield self
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _accept(self, listener: socket.socket) -> None:
        lines = list[threading.Thread]()
        while True:
            try:
                line, _ = listener.accept()
            except OSError:
                break
            lines.append(threading.Thread(target=self._speak, args=(line,), daemon=True))
            lines[-1].start()
        for thread in lines:
            thread.join()

    def _speak(self, line: socket.socket) -> None:
        with line, line.makefile("rb") as heard:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while head := b"".join(iter(heard.readline, b"\r\n") if heard.peek(1) else ()):
                length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
                self.requests.append(head + b"\r\n" + heard.read(length))
                pieces = self.answer(len(self.requests))
                for piece in pieces:
                    line.sendall(piece)
                if not pieces or b"close" in pieces[0]:
                    return


def run(order: Order, answer: Callable[[int], tuple[bytes, ...]]) -> tuple[Tiny, dict[str, int], str, int]:
    with Tiny(answer).running() as server:
        order = Order(server.port, order.run, order.most, order.seconds, order.connections, rate=order.rate)
        came = Load(order, prepare(order)).run()
    assert len(came.latencies) == sum(came.answers.values())
    return server, came.answers, came.odd, len(came.sent)


def test_every_request_is_an_authentic_delivery_of_an_event_of_its_own() -> None:
    requests = [request.partition(b"\r\n\r\n") for request in prepare(Order(1, "x", 3))]
    for number, (head, _, body) in enumerate(requests):
        headers = [(line.partition(b": ")[0], line.partition(b": ")[2]) for line in head.split(b"\r\n")[1:]]
        stamp = dict(headers)[b"X-Transcribe-Signature"].partition(b",")[0].removeprefix(b"t=")
        signature.verify(headers, body, secrets=[SECRET.encode()], now=float(stamp))
        assert json.loads(body)["id"] == event_id("x", number)
        assert 1000 < len(body) < 2000
        assert dict(headers)[b"Content-Length"] == str(len(body)).encode()


def test_a_server_gets_all_requests_once_and_all_answers_are_counted() -> None:
    server, answers, odd, _ = run(Order(0, "x", 200, seconds=60.0, connections=4), lambda _: (GOOD,))
    assert (answers, odd, len(set(server.requests))) == ({"200": 200}, "", 200)


def test_an_answer_that_comes_in_pieces_is_one() -> None:
    pieces = (GOOD[:7], GOOD[7:-1], GOOD[-1:])
    _, answers, odd, _ = run(Order(0, "x", 20, seconds=60.0, connections=2), lambda _: pieces)
    assert (answers, odd) == ({"200": 20}, "")


def test_what_is_not_answered_2xx_or_not_at_all_is_said() -> None:
    said = {5: (BAD,), 7: ()}
    _, answers, odd, _ = run(Order(0, "x", 20, seconds=60.0, connections=2), lambda one: said.get(one, (GOOD,)))
    assert answers == {"200": 18, "503": 1}
    assert odd == "1 of 503, 1 of lost"


def test_with_a_rate_all_is_sent_and_the_time_at_which_each_was_due_is_known() -> None:
    server, answers, odd, sent = run(Order(0, "x", 50, connections=2, rate=2000.0), lambda _: (GOOD,))
    assert (answers, odd, sent, len(set(server.requests))) == ({"200": 50}, "", 50, 50)
