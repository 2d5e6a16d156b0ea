"""A provider that gives the answers that a test has listed, for the tests of its client."""

import asyncio
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import httpx
from pydantic import SecretStr

from receiver import logs
from receiver.providers import TranscribeSo
from receiver.providers.budget import Budget, OwnBudget
from receiver.providers.calls import ANSWER_BYTES
from receiver.providers.rate import MINUTE, Rate

URL = "http://provider.test"
KEY = SecretStr("tsk_live_never_to_be_shown")
Answer = Callable[[httpx.Request], httpx.Response]


class Provider:
    """A server that gives prepared answers, repeats the last one, and records the requests."""

    def __init__(self, *answers: Answer | httpx.Response) -> None:
        self._answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def client(
        self,
        *,
        key: SecretStr | None = KEY,
        retries: tuple[float, ...] = (),
        budget: Budget | None = None,
        answer_bytes: int = ANSWER_BYTES,
    ) -> TranscribeSo:
        """Return a client that asks it; with turns enough, unless it is given a budget."""
        turns = budget or turns_enough()
        transport = httpx.MockTransport(self)
        return TranscribeSo(URL, key, retries=retries, budget=turns, transport=transport, answer_bytes=answer_bytes)

    def sent(self, header: str) -> list[str | None]:
        """Return what each request said in a header."""
        return [request.headers.get(header) for request in self.asked]


def turns_enough() -> OwnBudget:
    """Return a budget that no test waits for."""
    return OwnBudget(Rate.of(60, minute=MINUTE / 6000))


def refused(status: int, code: str, headers: dict[str, str] | None = None, **more: object) -> httpx.Response:
    error = {"code": code, "message": "No.", "request_id": "req_1", "doc_url": "https://transcribe.so/docs", **more}
    return httpx.Response(status, headers=headers, json={"error": error})


class Stream(httpx.AsyncByteStream):
    """A body that a server sends piece by piece, with a pause before each; without end where `pieces` is None."""

    def __init__(self, piece: bytes, *, pieces: int | None = None, pause: float = 0) -> None:
        self._piece, self._pieces, self._pause = piece, pieces, pause
        self.sent = 0
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._pieces is None or self.sent < self._pieces:
            await asyncio.sleep(self._pause)
            self.sent += 1
            yield self._piece

    async def aclose(self) -> None:
        self.closed = True


@contextmanager
def everything_logged() -> Iterator[None]:
    """Log at debug to stderr, and say `this is shown` at the end."""
    loggers = [logging.getLogger(name) for name in ("", "httpx", "httpcore")]
    before = [(logger.level, logger.handlers[:]) for logger in loggers]
    logs.configure("text", "debug")
    try:
        yield
        logging.getLogger("receiver").debug("this is shown")
    finally:
        for logger, (level, handlers) in zip(loggers, before, strict=True):
            logger.setLevel(level)
            logger.handlers[:] = handlers


def shown(error: BaseException) -> str:
    """Return everything that a log could hold of an error: its trace, and the repr of each of its causes."""
    text = "".join(traceback.format_exception(error))
    cause: BaseException | None = error
    while cause is not None:
        text += repr(cause)
        cause = cause.__cause__ or cause.__context__
    return text
