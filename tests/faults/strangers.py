"""Clients that mean no good, in a process of their own.

    python -m tests.faults.strangers KIND PORT SECONDS CONNECTIONS [RATE]

    kept, fresh                  a flood of bad signatures, RATE a second, over kept connections or a new one for each
    idle, dripping, half-sent    CONNECTIONS at all times that say nothing, a byte of a head every half second, or all
                                 but the last byte of the largest delivery

A flood is an open loop: what falls due while CONNECTIONS requests wait for their answer is not sent, and counted. It
goes on beyond its time until MANY were answered, or it were none. The last line of its output says what was seen, as
JSON.
"""

import asyncio
import importlib
import json
import sys
import time
from collections import Counter, deque
from contextlib import suppress
from typing import cast

BODY_BYTES = 256 * 1024
CROWDS = ("idle", "dripping", "half-sent")
TICK_SECONDS = 0.002
DRIP_SECONDS = 0.5
AGAIN_SECONDS = 1.0
MANY = 200


def request(body: bytes, *, close: bool = False) -> bytes:
    """Return a delivery whose signature is well-formed, of this moment, and wrong."""
    return b"\r\n".join([
        b"POST /webhooks/transcribe-so HTTP/1.1", b"Host: web", b"Content-Type: application/json",
        b"X-Transcribe-Signature: t=%d,v1=%s" % (time.time(), b"0" * 64), b"Content-Length: %d" % len(body),
        *([b"Connection: close"] if close else []), b"", body,
    ])  # fmt: skip


class Stranger(asyncio.Protocol):
    """One connection of a flood: it asks, and asks again when it is told to."""

    def __init__(self, flood: "Flood") -> None:
        self._flood = flood
        self._read = b""
        self.asking = False
        self.open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class
        self.open = True
        self.ask()

    def ask(self) -> None:
        self.asking = True
        self._transport.write(self._flood.request)

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, content = self._read.partition(b"\r\n\r\n")
        if not end or len(content) < int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self._read, self.asking = b"", False
        self._flood.seen[head[9:12].decode()] += 1
        if not self._flood.fresh:
            self._flood.idle.append(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.open = False
        self._flood.connections -= 1
        self._flood.seen["lost"] += self.asking


class Flood:
    """Bad signatures at a rate, as far as answers come."""

    def __init__(self, port: int, *, fresh: bool, connections: int) -> None:
        self.fresh = fresh
        self.request = request(b'{"id":"evt_forged","event":"transcription.completed","data":{}}', close=fresh)
        self.seen: Counter[str] = Counter()
        self.idle: deque[Stranger] = deque()
        self.connections = 0
        self._port = port
        self._most = connections
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self, seconds: float, rate: float) -> None:
        began, due = time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds or self.seen["401"] <= MANY:
            while due < passed * rate:
                due += 1
                self._ask()
            await asyncio.sleep(TICK_SECONDS)
        self.seen["offered"] = due

    def _ask(self) -> None:
        while self.idle:
            if (stranger := self.idle.popleft()).open:
                return stranger.ask()
        if self.connections == self._most:
            self.seen["held back"] += 1
            return None
        self.connections += 1
        opening = asyncio.get_running_loop().create_task(self._open())
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        return None

    async def _open(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: Stranger(self), "127.0.0.1", self._port)
        except OSError:
            self.connections -= 1
            self.seen["not connected"] += 1


async def stay(kind: str, port: int) -> None:
    """Hold one connection, and open another when it is closed, until cancelled."""
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            ended = asyncio.ensure_future(reader.read())
            if kind == "half-sent":
                writer.write(request(b" " * BODY_BYTES)[:-1])
            for byte in request(b"") if kind == "dripping" else b"":
                writer.write(bytes([byte]))
                await asyncio.wait({ended}, timeout=DRIP_SECONDS)
                if ended.done():
                    break
            await ended
            writer.close()
        await asyncio.sleep(AGAIN_SECONDS)


async def main(kind: str, port: int, seconds: float, connections: int, rate: float = 0.0) -> None:
    if kind in CROWDS:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(stay(kind, port) for _ in range(connections)))
        return
    flood = Flood(port, fresh=kind == "fresh", connections=connections)
    await flood.run(seconds, rate)
    print(json.dumps(flood.seen))  # noqa: T201 - what it is started for


if __name__ == "__main__":
    kind_, port_, seconds_, connections_, *rate_ = sys.argv[1:]
    factory = asyncio.new_event_loop
    with suppress(ImportError):
        factory = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(kind_, int(port_), float(seconds_), int(connections_), *map(float, rate_)))
