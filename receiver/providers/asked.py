"""Say what was asked of a provider, for whoever counts: which endpoint, what it answered, how long that took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from receiver.errors import ProviderError
from receiver.providers import endpoints

NO_ANSWER = "no_answer"
CANCELLED = "cancelled"


@dataclass(slots=True)
class Call:
    """A request to a provider.

    Attributes:
        endpoint: the method, and the path below the API's address, with `{id}` for every id.
        status: of the answer, such as `200`; `no_answer`; `cancelled`, for example by a handler's timeout; the code of
            an error if nothing was sent.
        waited: how long it waited for its turn, in seconds.
        seconds: how long the answer took; None if nothing was sent.
    """

    endpoint: str
    began: float
    status: str = "200"
    waited: float = 0.0
    seconds: float | None = None
    _sent: float | None = None

    def sent(self) -> None:
        """Note that its turn has come."""
        self._sent = time.monotonic()
        self.waited = self._sent - self.began

    def ended(self, error: BaseException | None) -> None:
        """Note how it has ended."""
        now = time.monotonic()
        if self._sent is None:
            self.waited = now - self.began
        else:
            self.seconds = now - self._sent
        if isinstance(error, ProviderError):
            nothing_sent = self._sent is None
            self.status = (error.code or NO_ANSWER) if nothing_sent else str(error.status or NO_ANSWER)
        elif error is not None:
            self.status = CANCELLED


def nobody(_: Call) -> None:
    """Count nothing."""


@contextmanager
def asked(request: httpx.Request, base: httpx.URL, heard: Callable[[Call], None]) -> Iterator[Call]:
    """Yield the call that a request becomes, and tell it to `heard` when it has ended."""
    path = endpoints.template(request.url.raw_path, base.raw_path)
    call = Call(f"{request.method} /{path or ''}", time.monotonic())
    try:
        yield call
    except BaseException as exc:
        call.ended(exc)
        heard(call)
        raise
    call.ended(None)
    heard(call)
