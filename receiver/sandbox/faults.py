"""Planned faults: a user orders them to test a client against a failing provider.

kind        effect
500         the request is not carried out; 500 internal_error
429         the request is not carried out; 429 rate_limited with Retry-After: 1, kept under an Idempotency-Key
slow        the answer comes `seconds` late (default 5, in real time)
malformed   the answer has only half of its content, but looks complete
html        a proxy's page with 502
truncated   the connection ends in the middle of the answer
huge        the answer is followed by 80 MiB of spaces
redirect    307 to another address
hang        no answer until the client disconnects

With the last seven kinds the request itself is carried out, and only its answer is changed or lost.
"""

import asyncio
from contextlib import suppress
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Message, Receive, Scope, Send

from receiver.sandbox.refusals import RefusalError

KINDS = ("500", "429", "slow", "malformed", "html", "truncated", "huge", "redirect", "hang")
LOSING = ("malformed", "html", "truncated", "redirect", "hang")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
MOST_TIMES = 10_000
LONGEST_SECONDS = 600
HUGE_PIECES = 80
PIECE = b" " * 1024 * 1024
PAGE = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(slots=True)
class Fault:
    """A fault for the next `times` requests whose path ends with `endpoint` (`*` matches any text)."""

    endpoint: str
    kind: str
    times: int = 1
    method: str | None = None
    seconds: float = 5.0

    def meets(self, method: str, path: str) -> bool:
        """Return whether the fault is for this request."""
        return self.method in (None, method) and fnmatchcase(path, f"*{self.endpoint}")


class Faults:
    """The planned faults. If several match a request, the first one is used."""

    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def plan(self, body: object) -> dict[str, Any]:
        """Plan a fault, and return it with its default values.

        Raises:
            RefusalError: 400: a field is wrong; the message says which.
        """
        fault = _read(body)
        self._planned.append(fault)
        return asdict(fault)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the planned faults."""
        return [asdict(fault) for fault in self._planned]

    def clear(self) -> None:
        """Remove all planned faults."""
        self._planned.clear()

    def take(self, request: Request) -> Fault | None:
        """Return the fault for a request, and use it once; None without a fault."""
        fault = next((f for f in self._planned if f.meets(request.method, request.url.path)), None)
        if fault is not None:
            fault.times -= 1
            if not fault.times:
                self._planned.remove(fault)
        return fault


def refused(fault: Fault | None) -> RefusalError | None:
    """Return the refusal for a fault that replaces the answer; None for any other fault."""
    match fault and fault.kind:
        case "500":
            return RefusalError(500, "internal_error", "A planned fault. Safe to retry with backoff.")
        case "429":
            return RefusalError(429, "rate_limited", "A planned fault. Wait a second.", retry_after=1)
        case _:
            return None


def loses(fault: Fault | None) -> bool:
    """Return whether a fault keeps the answer from the client."""
    return fault is not None and fault.kind in LOSING


async def spoil(fault: Fault | None, answer: Response, request: Request, stopping: asyncio.Event) -> Response:
    """Return an answer as the fault changes it."""
    length = int(answer.headers.get("content-length", "0"))
    match fault and fault.kind:
        case "malformed":
            return _Damaged(answer, sent=length // 2, length=length // 2)
        case "html":
            return HTMLResponse(PAGE, 502)
        case "truncated":
            return _Damaged(answer, sent=length // 2, length=length or 2)
        case "huge":
            return _Damaged(answer, sent=length, length=length + HUGE_PIECES * len(PIECE), spaces=HUGE_PIECES)
        case "redirect":
            return RedirectResponse(f"{request.base_url}sandbox/elsewhere", 307)
        case "slow" if fault is not None:
            await _first(asyncio.sleep(fault.seconds), stopping.wait())
        case "hang":
            await _first(_gone(request), stopping.wait())
    return answer


class _Damaged(Response):
    """An answer that sends the first `sent` bytes of its body, then pieces of spaces.

    It promises `length` bytes. Where fewer come, the server ends the connection.
    """

    def __init__(self, answer: Response, *, sent: int, length: int, spaces: int = 0) -> None:
        super().__init__(status_code=answer.status_code, headers=dict(answer.headers))
        self.headers["Content-Length"] = str(length)
        self._answer, self._sent, self._spaces = answer, sent, spaces
        self._is_short = sent + spaces * len(PIECE) < length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        left = self._sent

        async def pass_on(message: Message) -> None:
            nonlocal left
            piece = bytes(message.get("body", b""))[:left]
            left -= len(piece)
            if piece:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            if not left:
                raise _EnoughError

        with suppress(_EnoughError):
            await self._answer(scope, receive, pass_on)
        for _ in range(self._spaces):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        if not self._is_short:
            await send({"type": "http.response.body", "body": b""})


class _EnoughError(Exception):
    """As much of an answer was sent as is to be."""


async def _first(*waits: Any) -> None:
    """Wait until one of `waits` has ended, and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _gone(request: Request) -> None:
    """Wait until the client has disconnected."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _read(body: object) -> Fault:
    if not isinstance(body, dict):
        raise RefusalError(400, "invalid_request", "A fault is a JSON object.")
    endpoint, kind, method = body.get("endpoint"), str(body.get("kind")), body.get("method")
    times, seconds = body.get("times", 1), body.get("seconds", 5.0)
    problems = {
        f"knows no {', '.join(sorted({*body} - {*Fault.__slots__}))}": not {*body} <= {*Fault.__slots__},
        'endpoint must be the end of a path, such as "/result"': not _is_path(endpoint),
        f"kind must be one of {', '.join(KINDS)}": kind not in KINDS,
        f"method must be one of {', '.join(METHODS)}": method not in (None, *METHODS),
        f"times must be a whole number from 1 to {MOST_TIMES}": type(times) is not int or not 0 < times <= MOST_TIMES,
        f"seconds must be a number from 0 to {LONGEST_SECONDS}": (
            type(seconds) not in (int, float) or not 0 <= seconds <= LONGEST_SECONDS
        ),
    }
    if found := [problem for problem, is_there in problems.items() if is_there]:
        raise RefusalError(400, "invalid_request", f"A fault {'; '.join(found)}.")
    return Fault(str(endpoint), kind, times, method, float(seconds))


def _is_path(endpoint: object) -> bool:
    return isinstance(endpoint, str) and endpoint.startswith("/")
