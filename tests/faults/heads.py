"""Send requests that are ordinary but for what chance has changed, and hold `receiver.server.ordinary` against h11.

    .venv/bin/python -m tests.faults.heads [COUNT [SEED]]

Where it takes a request, h11 has to read the same one. What it leaves to h11 cannot be wrong.
"""

import random
import string
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import h11

from receiver.server import ordinary
from receiver.server.protocol import PIECE_BYTES
from receiver.web.body import BODY_BYTES
from tests.faults.forgery import SHOWN, Tally, attacks

SEED, COUNT, WORKERS = 20_261_129, 10_000_000, 2


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader made of a request, and of the bytes behind it."""

    method: bytes
    version: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    behind: bytes
    is_kept: bool


def by_h11(raw: bytes) -> Read | None:
    """Return what h11 reads, given the bytes as the protocol gives them.

    None where it refuses, waits for more, or would first have to tell the client to go on; and where the application
    refuses because of the size.
    """
    conn = h11.Connection(h11.SERVER)
    request, body = None, b""
    try:
        for start in range(0, len(raw), PIECE_BYTES):
            conn.receive_data(raw[start : start + PIECE_BYTES])
            while (event := conn.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.Request):
                    request = event
                    if conn.they_are_waiting_for_100_continue:
                        return None
                elif isinstance(event, h11.Data):
                    body += event.data
                elif request is not None and len(body) <= BODY_BYTES:  # the end of the message
                    is_kept = conn.their_state is h11.DONE
                    behind = conn.trailing_data[0] + raw[start + PIECE_BYTES :]
                    headers = list(request.headers)
                    return Read(request.method, request.http_version, request.target, headers, body, behind, is_kept)
    except h11.RemoteProtocolError:
        pass
    return None


def by_us(raw: bytes) -> tuple[Read | None, bytes]:
    """Return what we read, and the request with the rest of its body if that had not come."""
    head = ordinary.read(bytearray(raw), most=BODY_BYTES)
    if head is None:
        return None, raw
    whole = raw.ljust(head.size, b".")
    body, behind = head.body(whole), whole[head.size :]
    return Read(b"POST", b"1.1", head.target, head.headers, body, behind, head.is_kept), whole


def judge(raw: bytes) -> tuple[str, str | None]:
    """Return what became of a request, and what is wrong with it."""
    try:
        ours, whole = by_us(raw)
    except Exception as exc:  # noqa: BLE001 - what is looked for
        return "raised", f"raised {type(exc).__name__}"
    if ours is None:
        return "left", None
    theirs = by_h11(whole)
    differ = (
        ["it"] if theirs is None else [name for name in Read.__slots__ if getattr(ours, name) != getattr(theirs, name)]
    )
    outcome = "taken" if len(whole) == len(raw) else "begun"
    return outcome, "h11 reads differently: " + ", ".join(differ) if differ else None


# --- requests --------------------------------------------------------------------------------------------------------

PATH = b"/webhooks/transcribe-so"
SIGNATURE = b"t=1777472458,v1=" + b"5f" * 32
CLIENTS = [
    b"User-Agent: transcribe.so-webhooks/1.0\nAccept: */*\nAccept-Encoding: gzip, deflate\nConnection: keep-alive",
    b"User-Agent: Go-http-client/1.1\nAccept-Encoding: gzip",
    b"user-agent: node\naccept: */*\naccept-language: *\nsec-fetch-mode: cors\naccept-encoding: br, gzip, deflate",
    b"User-Agent: axios/1.9.0\nAccept: application/json, text/plain, */*\nConnection: close",
    b"Connection: close\nX-Real-IP: 203.0.113.7\nX-Forwarded-For: 203.0.113.7, 10.0.0.1\nX-Forwarded-Proto: https",
    b'CF-Ray: 9b3f6c1d0a2e4f55-FRA\nCF-Visitor: {"scheme":"https"}\nCDN-Loop: cloudflare; loops=1\nPriority: u=1, i',
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\ntracestate: a=1,b=2\nX-Request-Id: 7",
    b'Forwarded: for="[2001:db8::1]";proto=https\nVia: 1.1 edge\nIdempotency-Key: evt_1\nX-Empty:',
]  # fmt: skip
LINES = [
    b"GET %s HTTP/1.1", b"POST %s HTTP/1.0", b"POST %s HTTP/1.2", b"POST %s HTTP/2", b"POST %s", b"post %s HTTP/1.1",
    b"POST  %s HTTP/1.1", b"POST %s  HTTP/1.1", b"POST\t%s HTTP/1.1", b" POST %s HTTP/1.1", b"POST %s HTTP/1.1 ",
    b"POST %s http/1.1", b"PUT %s HTTP/1.1", b"POST %s HTTP/01.1", b"POST %s HTTP/1.1\t", b"HEAD %s HTTP/1.1",
    b"CONNECT a:1 HTTP/1.1", b"POST %s XTTP/1.1", b"", b"%s", b"POST HTTP/1.1", b"POST\xa0%s HTTP/1.1",
]  # fmt: skip
TARGETS = [
    b"/", b"*", b"//", b"/a//b", b"/a?b=c&d=%20", b"/?", b"/%zz", b"/%00", b"/a#b", b"http://a/b", b"a:443", b"/a b",
    b"/\x7f", b"/\x00", b"/\xc3\xa9", b'/"', b"/<>", b"/[::1]", b"/\\", b"/^`{|}", b"/../..", b"/~a;b=1@c:d!$'()*+,",
    b"?a", b"", b"/" + b"a" * 5000, b"/\t", b"/a\r/b", b"/a\n/b",
]  # fmt: skip
ASKING = [
    b"Transfer-Encoding: chunked", b"transfer-encoding: Chunked", b"Transfer-Encoding: gzip", b"Transfer-Encoding:",
    b"Transfer_Encoding: chunked", b"Transfer-Encoding : chunked", b"Expect: 100-continue", b"expect: x", b"Expect:",
    b"Upgrade: websocket", b"UPGRADE: h2c", b"Connection: Upgrade", b"TE: trailers", b"Trailer: X-A", b"Trailers: a",
    b"Proxy-Connection: close", b"Proxy-Authorization: Basic YTpi", b"HTTP2-Settings: AAMAAABk",
    b"Keep-Alive: timeout=5",
]  # fmt: skip
STRANGE = [
    b"X-A:b", b"X-A:", b"X-A: ", b"X-A: \t ", b"X-A:\tb\t", b"X-A:  b  c  ", b"X-A: b\tc", b"X-A: :b:c:", b":",
    b": b", b"X-A", b"X-A b", b"X A: b", b" X-A: b", b"\tX-A: b", b"X-A : b", b"X-A\t: b", b"", b" ", b"X-\xe9: b",
    b"X-A: \xe9", b"X-A: \x80\xff", b"X-A: \xa0", b"X-A: \x85b", b"X-A: a\x00b", b"X-A: a\x01b", b"X-A: a\x0bb",
    b"X-A: a\x0cb", b"X-A: \x0b", b"X-A: b\x0c", b"X-A: a\x7fb", b"X-A: \x1b[2J", b"X-A: a\rb", b"X-A: a\nb",
    b"X\x00: b", b"X-A: b\r", b"X-A: b\r\n folded", b"X-A: b\r\n\tfolded", b"X-A: b\n folded", b"(a): b", b"a/b: c",
    b"@: c", b"\x7f: a", b"!#$%&'*+-.^_`|~09azAZ: c", b"X-A: " + b"b" * 1000, b"X" * 300 + b": b",
    b"X-B: " + b" " * 500 + b"c", b"{}: b", b"Host2: a", b"Content-Length2: 7", b"Content_Length: 7",
    b'Cookie: a="b"; c=d', b"Set-Cookie: a", b"\xef\xbb\xbfX: b",
]  # fmt: skip
LENGTHS = [
    b"%d", b" %d ", b"\t%d\t", b"0%d", b"00000%d", b"+%d", b"-%d", b"%d,", b"%d, %d", b"%d,%d", b"%d;", b"%d.0",
    b"0x%x", b"%d_", b"", b"0", b"00", b"1", b"%d1", b"%d 1", b"1_0", b"1000000", b"999999", b"262144", b"262145",
    b"1" * 20, b"1" * 21, b"\xd9\xa1", b"\xb2", b"%d\x0b", b"%d\x0c", b"%d\x00", b"1e3", b'"%d"', b"-0", b"%d\xa0",
    b"\x0c%d",
]  # fmt: skip
CONNECTIONS = [
    b"keep-alive", b"Keep-Alive", b"KEEP-ALIVE", b"close", b"Close", b"CLOSE", b"close, keep-alive",
    b"keep-alive,close", b"upgrade", b"TE", b"close,", b",close", b"", b"keepalive", b"closed", b'"close"',
    b"close\x0b", b"keep-alive;", b"x",
]  # fmt: skip
HOSTS = [
    b"a", b"a:8080", b"[::1]:80", b"", b" ", b"a b", b"a,b", b"\xc3\xa9", b"user@a", b"a/b", b"127.0.0.1", b"a\x00",
]  # fmt: skip
ENDS = [
    b"\n", b"\r", b"\r\r\n", b"\n\r", b"", b" \r\n", b"\t\r\n", b"\r\n ", b"\r\n\r\n", b"\n\n", b"\x0b\r\n",
    b"\x00\r\n",
]  # fmt: skip
TOKEN = b"!#$%&'*+-.^_`|~" + (string.ascii_letters + string.digits).encode()
PRINTABLE = bytes([9, *range(0x20, 0x7F)]) + b" \t" * 20
SAFE = b"!$%&'()*+,-./:;=?@_~" + (string.ascii_letters + string.digits).encode()
BEHIND = [
    b"\r\n", b"\n", b"\r\n\r\n", b"x", b"\0", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b" ", b"POST ",
]  # fmt: skip
BYTES = b'\0\t\n\r\x0b\x0c "#,-0159:;AZaz\x7f\x80\x85\xa0\xff'
CHUNKS = [bytes([byte]) for byte in BYTES] + [
    b"\r\n", b"\r\n\r\n", b"\n\n", b"\n\r\n", b"\r\n ", b": ", b"\r\nHost: b", b"\r\nContent-Length: 5",
    b" HTTP/1.1\r\n", b"\r\nTransfer-Encoding: chunked", b"\r\nConnection: close", b"\r\nX-A: b",
]  # fmt: skip


class Client:
    """Writes requests; the same from the same seed."""

    def __init__(self, seed: str) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - it is to be repeatable
        noise = self.chance.randbytes(400)
        self._bodies = [b'{"id":"evt_1"}', b"x", b"", noise, b"\r\n\r\n" * 9, b"0\r\n\r\n", b"5\r\nabcde\r\n0\r\n\r\n"]
        self._bodies += [b'{"id":"evt_%d"}' % number for number in range(7)]
        self._names = [self._some(TOKEN, 1, 24) for _ in range(300)]
        self._values = [self._some(PRINTABLE, 0, 90) for _ in range(300)]
        self._targets = [b"/" + self._some(SAFE, 0, 40) for _ in range(100)]
        self._large = [noise * 3, noise * 41, noise * 82, bytes(16_384), bytes(262_144), bytes(262_145)]
        self._changes: list[Callable[[list[bytes], int], None]] = [
            self._change_line, self._insert, self._insert, self._insert, self._remove, self._change_length,
            self._change_length, self._change_connection, self._change_host, self._change_blanks, self._fill,
        ]  # fmt: skip

    def request(self) -> bytes:
        """Return a request, or bytes that were one."""
        chance = self.chance
        body = chance.choice(self._bodies) if chance.random() < 0.995 else chance.choice(self._large)
        lines = self._invented(len(body)) if chance.random() < 0.2 else self._usual(len(body))
        if chance.random() < 0.2:
            lines[1:] = chance.sample(lines[1:], len(lines) - 1)
        if chance.random() < 0.1:
            lines = [lines[0], *map(chance.choice((bytes.lower, bytes.upper, bytes.swapcase)), lines[1:])]
        for change in chance.sample(self._changes, chance.choice((0, 0, 0, 1, 1, 1, 2, 2))):
            change(lines, len(body))
        ends = [b"\r\n"] * (len(lines) + 1)
        if chance.random() < 0.05:
            ends[chance.randrange(len(ends))] = chance.choice(ENDS)
        raw = b"".join(map(b"".join, zip([*lines, b""], ends, strict=True))) + body
        if chance.random() < 0.25:
            raw = self._spoilt(raw, len(raw) - len(body))
        if chance.random() < 0.1:
            raw += chance.choice((*BEHIND, raw))
        return raw

    def _usual(self, length: int) -> list[bytes]:
        """Return the lines of what the source, or a proxy before us, sends."""
        return [
            b"POST %s HTTP/1.1" % (PATH if self.chance.random() < 0.9 else self.chance.choice(TARGETS)),
            b"Host: hooks.example.com", b"Content-Length: %d" % length, b"Content-Type: application/json",
            b"X-Transcribe-Signature: " + SIGNATURE, *self.chance.choice(CLIENTS).split(b"\n"),
        ]  # fmt: skip

    def _invented(self, length: int) -> list[bytes]:
        """Return the lines of what nobody sends, though the grammar allows it."""
        chance = self.chance
        more = chance.choice((1, 2, 5, 10, 10, 20, 61))
        names, values = chance.sample(self._names, more), chance.sample(self._values, more)
        others = [name + b":" + value for name, value in zip(names, values, strict=True)]
        line = b"POST %s HTTP/1.1" % chance.choice(self._targets)
        return [line, b"Host:" + chance.choice(self._values), b"Content-Length: %d" % length, *others]

    def _some(self, alphabet: bytes, least: int, most: int) -> bytes:
        return bytes(self.chance.choices(alphabet, k=self.chance.randint(least, most)))

    def _change_line(self, lines: list[bytes], _: int) -> None:
        lines[0] = self.chance.choice(LINES).replace(b"%s", PATH)

    def _insert(self, lines: list[bytes], _: int) -> None:
        more = self.chance.choice((STRANGE, STRANGE, ASKING, lines[1:]))
        lines.insert(self._place(lines), self.chance.choice(more))

    def _remove(self, lines: list[bytes], _: int) -> None:
        lines.pop(self._place(lines))

    def _change_length(self, lines: list[bytes], length: int) -> None:
        value = self.chance.choice(LENGTHS)
        lines[2] = b"Content-Length: " + value.replace(b"%d", b"%d" % length).replace(b"%x", b"%x" % length)

    def _change_connection(self, lines: list[bytes], _: int) -> None:
        lines[-1:] = [b"Connection: " + self.chance.choice(CONNECTIONS), *lines[-1 : self.chance.choice((-1, None))]]

    def _change_host(self, lines: list[bytes], _: int) -> None:
        lines[1] = self.chance.choice((b"Host: ", b"host:")) + self.chance.choice(HOSTS)

    def _change_blanks(self, lines: list[bytes], _: int) -> None:
        at = self._place(lines)
        lines[at] = lines[at].replace(b": ", self.chance.choice((b":", b":\t", b":  ", b" : ", b": \t")))

    def _fill(self, lines: list[bytes], _: int) -> None:
        """Make the head about as long as it may be, in lines or in bytes; seldom, because it takes long."""
        if self.chance.random() < 0.7:
            return
        if self.chance.random() < 0.5:
            more = 64 + self.chance.randrange(-1, 3) - (len(lines) - 1)
            lines += [b"X-%d: a" % number for number in range(more)]
        else:
            missing = ordinary.HEAD_BYTES + self.chance.randrange(-2, 3) - sum(map(len, lines)) - 2 * len(lines) - 2
            lines.append(b"X-Pad: ".ljust(missing - 2, b"x"))

    def _place(self, lines: list[bytes]) -> int:
        """Return the place of a field."""
        return self.chance.randrange(1, len(lines))

    def _spoilt(self, raw: bytes, head: int) -> bytes:
        """Return bytes with one to three small changes, most of them in the head."""
        chance = self.chance
        for _ in range(chance.choice((1, 1, 1, 2, 3))):
            at = chance.randrange(head if chance.random() < 0.9 else len(raw) + 1)
            match chance.randrange(7):
                case 0 if at < len(raw):
                    raw = raw[:at] + bytes([raw[at] ^ 1 << chance.randrange(8)]) + raw[at + 1 :]
                case 1 | 2:
                    raw = raw[:at] + chance.choice(CHUNKS) + raw[at:]
                case 3:
                    raw = raw[:at] + raw[at + 1 :]
                case 4:
                    raw = raw[:at] + chance.choice(CHUNKS) + raw[at + 1 :]
                case 5:
                    end = at + chance.randrange(1, 60)
                    raw = raw[:end] + raw[at:end] + raw[end:]
                case _:
                    raw = raw[:at] if chance.random() < 0.3 else raw[:at] + raw[at + chance.randrange(1, 60) :]
            head = max(1, min(head, len(raw)))
        return raw


def attack(seed: str, count: int) -> Tally:
    """Judge so many requests made from one seed."""
    client, tally = Client(seed), Tally()
    for number in range(count):
        raw = client.request()
        outcome, wrong = judge(raw)
        tally.outcomes[outcome] += 1
        if wrong is not None:
            tally.wrong[wrong] += 1
            if len(tally.shown) < SHOWN:
                tally.shown.append(f"{wrong} ({outcome}), seed {seed!r}, number {number}: {raw[:2000]!r}")
    return tally


def run(count: int = COUNT, seed: int = SEED) -> Tally:
    """Judge `count` requests (whole blocks of 10,000), and say on stderr how far it is."""
    began, tally, said = time.monotonic(), Tally(), 0
    for tally in attacks(attack, seed, count, workers=WORKERS):
        judged = tally.outcomes.total()
        if judged >= said + count // 20:
            said = judged
            taken, wrong, seconds = tally.outcomes["taken"], tally.wrong.total(), time.monotonic() - began
            print(f"{judged} in {seconds:.0f} s, {taken} taken, {wrong} wrong", file=sys.stderr, flush=True)  # noqa: T201
    print(f"seed {seed}: {tally.outcomes.total()} judged, {dict(tally.outcomes)}, wrong: {dict(tally.wrong)}")  # noqa: T201
    print(*tally.shown, sep="\n")  # noqa: T201
    return tally


if __name__ == "__main__":
    sys.exit(1 if run(*map(int, sys.argv[1:3])).wrong else 0)
