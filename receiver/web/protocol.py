"""uvicorn's h11 protocol with a deadline for receiving a request.

uvicorn itself waits for ever for a client that says nothing, or drips, or never reads its answers. Here a connection
whose request's head is not complete in time is closed; the body's share of the same deadline is enforced where it is
read, which can still answer 408; and who does not read is cut off. Keep-alive lives on. h11, because with httptools an
upgrade request reaches the application with an empty body and chunk trailers appear as headers.
"""

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from receiver.failpoints import Failpoint, is_armed, reach
from receiver.web.body import RECEIVE_SECONDS


class DeadlineProtocol(H11Protocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None
        self._half_closed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base has it
        """Expect a request from the first moment."""
        super().connection_made(transport)
        self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Start the deadline with a request's first byte, and end it with its head's last."""
        if self.conn.their_state is h11.IDLE and self._deadline is None:
            self._expect_request()
        super().data_received(data)
        if self.conn.their_state is not h11.IDLE:
            self._forget_deadline()

    def eof_received(self) -> bool | None:  # type: ignore[override] # the base returns nothing, asyncio takes either
        """Keep the connection for the answer when a client has sent its whole request and closed its side."""
        self._half_closed = True
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def on_response_complete(self) -> None:
        """Close after an answer to a request whose rest would never come, or is not wanted."""
        self.app_state = {**self.app_state, "began": self.loop.time()}  # a pipelined request begins here
        if is_armed(Failpoint.AFTER_ANSWER):  # uvloop gives what was written to the kernel when this round is through
            self.loop.call_soon(reach, Failpoint.AFTER_ANSWER)
        super().on_response_complete()
        if self._half_closed or self.conn.their_state is h11.SEND_BODY:
            self.transport.close()

    def pause_writing(self) -> None:
        """Give a client that does not read its answers as long as one that does not send."""
        super().pause_writing()
        self._unread = self.loop.call_later(RECEIVE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on with a client that reads again."""
        self._forget_unread()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline with the connection."""
        self._forget_deadline()
        self._forget_unread()
        super().connection_lost(exc)

    def _should_upgrade(self) -> bool:
        """Never: uvicorn would log two warnings for every request that asks, and anyone can ask."""
        return False

    def _expect_request(self) -> None:
        self.app_state = {**self.app_state, "began": self.loop.time()}
        self._deadline = self.loop.call_later(RECEIVE_SECONDS, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None
