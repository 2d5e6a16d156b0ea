"""Send deliveries as fast as a server answers, or at a rate.

Sockets and one epoll, one write for each request, and no library: what the client costs is taken from the same machine
as what the server costs.
"""

import hashlib
import hmac
import json
import re
import select
import socket
import time
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Literal, NamedTuple, TypeAlias

HOST = "127.0.0.1"
SECRET = "whsec_of_the_benchmarks"
PATIENCE_SECONDS = 20.0
Signing: TypeAlias = Literal["provider", "body"]
_LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)")
_CLOSE = b"onnection: close"


@dataclass(frozen=True, slots=True)
class Order:
    """What to send.

    Attributes:
        port: of the server, on this machine.
        run: what the ids of the events begin with, so that no event comes twice.
        most: how many requests are prepared; with a `rate` all of them are sent, else those for which there is time.
        seconds: how long each answer is followed by another request. With a `rate`: unused.
        connections: how many are open.
        first: the number of the first event, and of its transcription.
        rate: requests a second, sent when their time has come, whatever has been answered; 0: as fast as answers come.
        by_wrk: let `wrk` send instead of us, for whole seconds and without a rate.
        signing: `provider`, or `body` for a server that knows signatures of the body alone.
    """

    port: int
    run: str
    most: int
    seconds: float = 0.0
    connections: int = 64
    first: int = 0
    rate: float = 0.0
    path: str = "/webhooks/transcribe-so"
    secret: str = field(default=SECRET, repr=False)
    signing: Signing = "provider"
    by_wrk: bool = False


@dataclass(frozen=True, slots=True)
class Came:
    """What came back.

    Attributes:
        run: what the ids of the events began with.
        answers: how many, by status.
        lost: requests whose connection ended, or that had no answer in time.
        seconds: from the first request to the last answer.
        latencies: milliseconds for each answer; with a rate, from the time at which its request was due.
        sent: with a rate, the time (unix seconds) at which each request was due, in the order of their events.
    """

    run: str
    answers: dict[str, int]
    lost: int
    seconds: float
    latencies: list[float] = field(repr=False)
    sent: list[float] = field(repr=False)

    @property
    def rate(self) -> float:
        """Return the answers a second."""
        return sum(self.answers.values()) / max(self.seconds, 1e-6)

    @property
    def odd(self) -> str:
        """Return what was not answered 2xx, in words; empty if all was."""
        bad = {status: many for status, many in self.answers.items() if not status.startswith("2")}
        bad |= {"lost": self.lost} if self.lost else {}
        return ", ".join(f"{many} of {status}" for status, many in bad.items())

    def quantile(self, share: float) -> float:
        """Return the latency that so large a share of the answers stays below."""
        return sorted(self.latencies)[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


def event_id(run: str, number: int) -> str:
    return f"evt_{run}_{number:07d}"


def body(run: str, number: int) -> bytes:
    """Return a delivery of about 1.3 KB, as the provider writes it."""
    return _BODY.replace(b"@id", event_id(run, number).encode()).replace(b"1234567", str(1_000_000 + number).encode())


def _body() -> bytes:
    kinds = ("json", "txt", "srt", "vtt", "docx", "pdf")
    place = "https://transcribe.so/api/v1/transcriptions/1234567"
    about = {
        "id": 1234567, "status": "completed", "stage": "completed", "pipeline_code": "qwen3-asr-flash-filetrans",
        "language": "en", "source": "upload", "title": "Weekly meeting of the editors, with questions afterwards.mp3",
        "duration_seconds": 3605, "billed_seconds": 3660, "charge_usd": 0.61,
        "completed_at": "2026-04-29T14:25:27.968Z",
        "summary": "The editors speak about the plan for the summer, about two articles that are late and about why, "
        "and about who takes over the letters. Afterwards they answer questions of the readers.",
        "artifacts": [{"kind": kind, "status": "ready", "url": f"{place}/artifacts/{kind}"} for kind in kinds],
    }  # fmt: skip
    event = {"id": "@id", "event": "transcription.completed", "created": 1777472458}
    return json.dumps(event | {"data": {"transcription": about}}).encode()


_BODY = _body()


def prepare(order: Order) -> deque[bytes]:
    """Return the requests, whole and signed."""
    secret, stamp, requests = order.secret.encode(), str(int(time.time())), deque[bytes]()
    for number in range(order.first, order.first + order.most):
        raw = body(order.run, number)
        signed = raw if order.signing == "body" else stamp.encode() + b"." + raw
        mac = hmac.digest(secret, signed, hashlib.sha256).hex()
        signature = f"X-Signature: sha256={mac}" if order.signing == "body" else (
            f"X-Transcribe-Signature: t={stamp},v1={mac}"
        )  # fmt: skip
        head = (
            f"POST {order.path} HTTP/1.1\r\nHost: {HOST}:{order.port}\r\nAccept: */*\r\n"
            "Accept-Encoding: gzip, deflate\r\nConnection: keep-alive\r\nUser-Agent: transcribe.so-webhooks/1.0\r\n"
            f"Content-Type: application/json\r\n{signature}\r\nContent-Length: {len(raw)}\r\n\r\n"
        )
        requests.append(head.encode() + raw)
    return requests


class Connection(NamedTuple):
    """A socket, and what has come on it of an answer that is not whole yet."""

    socket: socket.socket
    came: bytearray


class Load:
    """The sending of one order's requests."""

    def __init__(self, order: Order, requests: deque[bytes]) -> None:
        self._order, self._requests = order, requests
        self._connections = dict[int, Connection]()
        self._due = dict[int, float]()  # of the request that is under way on a connection
        self._epoll = select.epoll()
        self._answers, self._lost = Counter[bytes](), 0
        self._latencies = list[float]()
        self._last = 0.0

    def run(self) -> Came:
        """Send, until all is answered or given up."""
        sent = list[float]()
        for _ in range(min(self._order.connections, len(self._requests))):
            self._open()
        began = self._last = time.perf_counter()
        try:
            if self._order.rate:
                sent = self._at_a_rate(began)
            else:
                self._as_answers_come(began)
        finally:
            for connection in self._connections.values():
                connection.socket.close()
            self._epoll.close()
        answers = {status.decode("latin-1"): many for status, many in self._answers.items()}
        return Came(self._order.run, answers, self._lost, self._last - began, self._latencies, sent)

    def _as_answers_come(self, began: float) -> None:
        until, end = began + self._order.seconds, began + self._order.seconds + PATIENCE_SECONDS
        for number in list(self._connections):
            self._send(number, began)
        while self._due:
            for number, _ in self._epoll.poll(1.0):
                if self._hear(number):
                    now = self._last
                    if now < until and self._requests:
                        self._send(self._usable(number), now)
            if time.perf_counter() > end:
                self._give_up()

    def _at_a_rate(self, began: float) -> list[float]:
        pause, offset = 1 / self._order.rate, time.time() - time.perf_counter()
        dues = (began + number * pause for number in count())
        idle, sent, due = list(self._connections), list[float](), next(dues)
        while self._requests or self._due:
            now = time.perf_counter()
            while self._requests and due <= now and idle:
                number = idle.pop()
                if number in self._due:  # it was closed while it was idle, and another one has got its number
                    continue
                sent.append(due + offset)
                self._send(self._usable(number), due)
                due = next(dues)
            if not self._requests and now > due + PATIENCE_SECONDS:
                self._give_up()
            # epoll waits for whole milliseconds.
            wait = max(0.0, due - now) if self._requests and idle else 1.0
            select.select([self._epoll], [], [], wait)
            idle += [number for number, _ in self._epoll.poll(0) if self._hear(number)]
        return sent

    def _open(self) -> int:
        opened = socket.create_connection((HOST, self._order.port), timeout=PATIENCE_SECONDS)
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[opened.fileno()] = Connection(opened, bytearray())
        self._epoll.register(opened.fileno(), select.EPOLLIN)
        return opened.fileno()

    def _usable(self, number: int) -> int:
        """Return that connection, or another one in place of one that is closed."""
        return number if number in self._connections else self._open()

    def _send(self, number: int, due: float) -> None:
        request = self._requests.popleft()
        self._due[number] = due
        with suppress(OSError):  # it will read as closed
            self._connections[number].socket.sendall(request)

    def _hear(self, number: int) -> bool:
        """Take what has come on a connection. Return whether its request is over."""
        connection = self._connections[number]
        try:
            data = connection.socket.recv(65_536)
        except OSError:
            data = b""
        if not data:
            was_under_way = self._due.pop(number, None) is not None
            self._lost += was_under_way
            self._last = time.perf_counter()
            self._close(number)
            return was_under_way
        came: bytes | bytearray = data
        if connection.came:
            connection.came.extend(data)
            came = connection.came
        if len(came) < _whole(came):
            if came is data:
                connection.came.extend(data)
            return False
        self._last = now = time.perf_counter()
        self._latencies.append((now - self._due.pop(number)) * 1000)
        self._answers[bytes(came[9:12])] += 1
        if _CLOSE in came:
            self._close(number)
        elif connection.came:
            connection.came.clear()
        return True

    def _close(self, number: int) -> None:
        self._epoll.unregister(number)
        self._connections.pop(number).socket.close()

    def _give_up(self) -> None:
        self._lost += len(self._due)
        self._due.clear()
        self._requests.clear()


def _whole(came: bytes | bytearray) -> int:
    """Return how long the answer is that begins so; more than has come, if that is not known yet."""
    head = came.find(b"\r\n\r\n")
    if head < 0:
        return len(came) + 1
    length = _LENGTH.search(came, 0, head)
    return head + 4 + (int(length[1]) if length is not None else 0)
