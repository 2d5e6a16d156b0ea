"""Deliveries that are sent for real and go wrong in one way each; and what captures them on their way.

deliver ──▶ (nginx) ──▶ Relay, which keeps each request as it came ──▶ receiver serve ──▶ its answer
"""

import gzip
import hashlib
import hmac
import http.client
import json
import random
import socket
import socketserver
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import httpx

from receiver import signature
from tests.processes import SECRET, Processes

KEY = "tsk_live_of_now"
WEBHOOK = "/webhooks/transcribe-so"
EVENT = {
    "id": "evt_1", "event": "transcription.completed", "created": 1777472458,
    "data": {"transcription": {
        "id": 4821, "status": "completed", "stage": "completed", "language": "auto", "source": "upload",
        "title": "Größe/1 & <co>", "duration_seconds": 60, "charge_usd": 0.03,
        "completed_at": "2026-04-29T14:25:27.968Z",
    }},
}  # fmt: skip
BODY = json.dumps(EVENT, ensure_ascii=False, separators=(",", ":")).encode()
LINES = json.dumps(EVENT, indent=2).encode() + b"\n"
REGISTERED = """
    insert into receiver.registrations (
        source, api_url, account, key_fingerprint, callback_url, idempotency_key, registered_at, secret, retired_at
    )
    values ('transcribe.so', 'http://127.0.0.1:1', '{account}', '{key}', 'https://a.test', '{secret}',
            now() - interval '1 day', '{secret}', {retired})
"""
CALLBACK = """
    insert into receiver.callbacks (token, source, api_url, account, idempotency_key, transcription_id, secret)
    values ('token', 'transcribe.so', 'http://127.0.0.1:1', 'default', 'k', '4821', 'whsec_callback')
"""


def know(processes: Processes, database_url: str) -> None:
    """Let a receiver know secrets of each kind: current and old ones, of two keys, of three accounts, of a callback."""
    own = signature.fingerprint(KEY.encode())
    processes.environment |= {
        "DATABASE_URL": database_url, "TRANSCRIBE_API_KEY": KEY, "TRANSCRIBE_API_KEY__BIG_SHOW": "tsk_live_of_the_show",
        "TRANSCRIBE_WEBHOOK_SECRET__BIG_SHOW": "whsec_big",
    }  # fmt: skip
    for secret, account, key, retired in (
        ("whsec_new", "default", own, "null"), ("whsec_old", "default", own, "now()"),
        ("whsec_key", "default", "another key", "now()"), ("whsec_gone", "gone", "a key", "null"),
    ):  # fmt: skip
        processes.sql(REGISTERED.format(account=account, key=key, secret=secret, retired=retired))
    processes.sql(CALLBACK)


def signed(body: bytes, secret: bytes = SECRET, *, at: float | None = None) -> str:
    """Return the header of the provider."""
    return signature.sign(body, secret=secret, at=int(time.time() if at is None else at))


def misread(stamp: str, text: str) -> str:
    """Return the header of a sender of its own, which signs `text` beside a time."""
    return f"t={stamp},v1={hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()}"


@dataclass(frozen=True)
class Mishap:
    """What goes wrong on the way or at the sender.

    Attributes:
        name: its name.
        cause: what the doctor is to call it.
        body: what was signed.
        sign: makes the header of what was signed; None if the header is dropped.
        change: what becomes of the body on the way.
        headers: further header lines.
    """

    name: str
    cause: str
    body: bytes = BODY
    sign: Callable[[bytes], str] | None = signed
    change: Callable[[bytes], bytes] = bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def anew(**options: object) -> Callable[[bytes], bytes]:
    """Return what reads JSON and writes it in another way."""
    return lambda body: json.dumps(json.loads(body), **options).encode()  # type: ignore[arg-type]


def corrupted(seed: int) -> Callable[[bytes], bytes]:
    """Return what breaks a body by chance: some bytes are changed, and some change places."""

    def change(body: bytes) -> bytes:
        chance, broken = random.Random(seed), bytearray(body)  # noqa: S311 - no secret
        for _ in range(chance.randrange(1, 5)):
            broken[chance.randrange(len(broken))] ^= chance.randrange(1, 256)
        one, two = chance.sample(range(len(broken)), 2)
        broken[one], broken[two] = broken[two], broken[one]
        return bytes(broken)

    return change


def by(secret: bytes) -> Callable[[bytes], str]:
    return lambda body: signed(body, secret)


def in_milliseconds(body: bytes) -> str:
    stamp = str(int(time.time() * 1000))
    return misread(stamp, f"{stamp}.{body.decode()}")


def with_dollars(text: str) -> Callable[[bytes], str]:
    def sign(body: bytes) -> str:
        stamp = str(int(time.time()))
        return misread(stamp, text.replace("T", stamp).replace("B", body.decode()))

    return sign


MISHAPS = (
    Mishap("none", "well"),
    Mishap("the registered secret", "well", sign=by(b"whsec_new")),
    Mishap("LF became CRLF", "line_ends", LINES, change=lambda body: body.replace(b"\n", b"\r\n")),
    Mishap("CRLF became LF", "line_ends", LINES.replace(b"\n", b"\r\n"), change=lambda body: body.replace(b"\r", b"")),
    Mishap("a shell took the last line end", "line_ends", LINES, change=lambda body: body.rstrip(b"\n")),
    Mishap("an editor added a line end", "line_ends", change=lambda body: body + b"\n"),
    Mishap("JSON with blanks", "json", change=anew(ensure_ascii=False)),
    Mishap("JSON with escapes", "json", change=anew(separators=(",", ":"))),
    Mishap("JSON in alphabetical order", "json", change=anew(sort_keys=True)),
    Mishap("JSON in lines", "json", change=anew(indent=4, sort_keys=True)),
    Mishap("JSON was in lines", "json", LINES, change=anew()),
    Mishap("JSON with escaped slashes", "json", change=lambda body: body.replace(b"/", b"\\/")),
    Mishap("a byte order mark", "bom", change=lambda body: body.decode().encode("utf-8-sig")),
    Mishap("a byte order mark and a line end", "bom", change=lambda body: body.decode().encode("utf-8-sig") + b"\r\n"),
    Mishap("packed", "gzip", change=gzip.compress, headers={"Content-Encoding": "gzip"}),
    Mishap("written anew and packed", "gzip", change=lambda body: gzip.compress(anew()(body))),
    Mishap("Latin-1", "charset", change=lambda body: body.decode().encode("latin-1")),
    Mishap("UTF-8 twice", "charset", change=lambda body: body.decode("latin-1").encode()),
    Mishap("an older secret", "old_secret", sign=by(b"whsec_old")),
    Mishap("another key's webhook", "other_key", sign=by(b"whsec_key")),
    Mishap("another account's secret", "other_account", sign=by(b"whsec_big")),
    Mishap("the secret of an account that is gone", "other_account", sign=by(b"whsec_gone")),
    Mishap("a callback's secret", "callback", sign=by(b"whsec_callback")),
    Mishap("a secret from a file", "written_secret", sign=by(SECRET + b"\n")),
    Mishap("a secret with a blank", "written_secret", sign=by(b" " + SECRET)),
    Mishap("a secret with its quotes", "written_secret", sign=by(b'"' + SECRET + b'"')),
    Mishap("milliseconds", "milliseconds", sign=in_milliseconds),
    Mishap("the document's $ twice", "dollar", sign=with_dollars("$T.$B")),
    Mishap("the document's $ before the time", "dollar", sign=with_dollars("$T.B")),
    Mishap("the document's $ before the body", "dollar", sign=with_dollars("T.$B")),
    Mishap("a clock that is slow", "clock", sign=lambda body: signed(body, at=time.time() - 3600)),
    Mishap("a clock that is fast", "clock", sign=lambda body: signed(body, at=time.time() + 7200)),
    Mishap("no header", "no_header", sign=None),
    Mishap("an upper-case MAC", "malformed", sign=lambda body: signed(body).replace("v1=", "v1=A")),
    Mishap("a secret that nobody knows", "unknown", sign=by(b"whsec_unknown")),
    *(Mishap(f"corruption {seed}", "unknown", change=corrupted(seed)) for seed in range(10)),
)  # fmt: skip
assert len({mishap.name for mishap in MISHAPS}) == len(MISHAPS)


STATUSES = {mishap.name: 200 if mishap.cause == "well" else 401 for mishap in MISHAPS}


def deliver_all(url: str) -> dict[str, httpx.Response]:
    """Send a delivery with each mishap, all at once; return the answers."""
    with ThreadPoolExecutor(len(MISHAPS)) as pool:  # what proves nothing waits up to a second for a reading
        return {one.name: answer for one, answer in zip(MISHAPS, pool.map(partial(deliver, url), MISHAPS), strict=True)}


def diagnosed(processes: Processes, captured: Mapping[str, bytes]) -> dict[str, str]:
    """Return what `receiver diagnose` calls each captured request."""
    found, file = dict[str, str](), processes.folder / "request.txt"
    for name, request in captured.items():
        file.write_bytes(request)
        ran = processes.run_inside("diagnose", str(file), "--json")
        found[name] = json.loads(ran.stdout)["cause"]
        assert ran.exit_code == (0 if found[name] == "well" else 1)
    return found


def deliver(url: str, mishap: Mishap) -> httpx.Response:
    """Send a delivery with a mishap; its name goes along in a header."""
    headers = {"Content-Type": "application/json", "X-Mishap": mishap.name, **mishap.headers}
    if mishap.sign is not None:
        headers["X-Transcribe-Signature"] = mishap.sign(mishap.body)
    return httpx.post(url + WEBHOOK, content=mishap.change(mishap.body), headers=headers, timeout=60)


class Relay(socketserver.ThreadingTCPServer):
    """Keeps each request as it comes, byte for byte, and lets a receiver at another port answer it."""

    daemon_threads = True
    request_queue_size = 128  # all come at once, and what does not fit is reset

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.receiver = port
        self.captured = dict[str, bytes]()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Connection(socketserver.StreamRequestHandler):
    server: Relay

    def handle(self) -> None:
        """Take the requests of one connection."""
        while line := self.rfile.readline():
            lines = [line]
            while lines[-1] not in (b"\r\n", b""):
                lines.append(self.rfile.readline())
            found = dict(one.strip().lower().split(b": ", 1) for one in lines[1:-1])
            request = b"".join(lines) + self.rfile.read(int(found[b"content-length"]))
            name = next(one for one in lines if one.lower().startswith(b"x-mishap:")).split(b": ", 1)[1]
            self.server.captured[name.strip().decode()] = request
            self.wfile.write(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.server.receiver)) as upstream:
            upstream.sendall(request)
            answer = http.client.HTTPResponse(upstream)
            answer.begin()
            body = answer.read()
        return f"HTTP/1.1 {answer.status} x\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
