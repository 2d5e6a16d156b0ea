"""Take an ordinary delivery straight from its connection, without h11, the application, and a task.

    bytes ─┬──an ordinary head──▶ the whole body ──▶ Taking.take ──▶ answer
           │                        │ it is late, or the application must see it: the same bytes
           └──anything else─────────┴──▶ h11 ──▶ the application ──▶ answer

Deadlines, turns, ranks and bounds are those of every request.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES

from receiver.server import ordinary
from receiver.server.ordinary import Ordinary
from receiver.server.protocol import DeadlineProtocol
from receiver.server.turns import Rank

log = logging.getLogger(__name__)

BUG = 500
CLOSE = b"connection: close\r\n"

Answer: TypeAlias = Callable[[Response], None]


class Taking(Protocol):
    """What takes ordinary deliveries without the application."""

    most: int  # bytes of a body

    def wants(self, target: bytes) -> bool:
        """Return whether requests with this target can be deliveries."""

    def take(self, head: Ordinary, body: bytes, client: str | None, answer: Answer) -> bool:
        """Take a delivery and call `answer` later, once; return False, without effect, for the application."""


class DirectProtocol(DeadlineProtocol):
    """One connection.

    Args:
        taking: what takes ordinary deliveries; None: the application gets every request.
    """

    def __init__(self, *args: Any, taking: Taking | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._taking = taking
        self._head: Ordinary | None = None  # of the delivery whose body has not come whole, or that was taken
        self._is_taken = False

    def handle_events(self) -> None:
        """Parse the input; what follows a delivery that was taken waits until that is answered."""
        if self._is_taken:
            self.flow.pause_reading()
        else:
            super().handle_events()

    def _end(self) -> None:
        if self._is_taken:
            return  # its answer says that the connection is closed, because the server is leaving
        if self._head is not None:
            self._leave_to_h11()
        super()._end()

    def _read(self) -> None:
        """Take an ordinary delivery, wait for the rest of its body, or let h11 parse the input."""
        if self._taking is None or self.conn.their_state is not h11.IDLE or self.conn.trailing_data[0]:
            super()._read()
            return
        head = self._head or ordinary.read(self._unparsed, most=self._taking.most)
        if head is None or not self._taking.wants(head.target):
            super()._read()
            return
        self._head = head
        if len(self._unparsed) < head.size:
            if self._deadline is None:
                self._expect_request()
            return
        self._is_taken = self._take(head, self._taking)
        if not self._is_taken:
            self._leave_to_h11()
            return
        del self._unparsed[: head.size]
        self._forget_deadline()
        if self._unparsed:  # otherwise more would come with each answer, without end
            self.flow.pause_reading()

    def _take(self, head: Ordinary, taking: Taking) -> bool:
        client = self.client[0] if self.client else None
        try:
            return taking.take(head, head.body(self._unparsed), client, self._answer)
        except Exception:
            log.exception("a bug in receiver; the application gets this request")
            return False

    def _leave_to_h11(self) -> None:
        self._head = None
        super()._read()

    def _answer(self, response: Response) -> None:
        """Send the answer to the delivery that was taken."""
        assert self._head is not None, "a delivery was taken"
        is_kept, self._head, self._is_taken = self._head.is_kept, None, False
        if self.transport.is_closing():
            return
        status = response.status_code
        is_last = not is_kept or status == BUG or self._is_last(authentic=True)
        first = b"HTTP/1.1 %d %s\r\n" % (status, STATUS_PHRASES[status])
        headers = [b"%s: %s\r\n" % one for one in (*self.server_state.default_headers, *response.raw_headers)]
        self.transport.write(b"".join((first, *headers, CLOSE if is_last else b"", b"\r\n", response.body)))
        self._rank = Rank.KNOWN
        self._after_answer()
        super(DeadlineProtocol, self).on_response_complete()  # uvicorn's: count it, and wait for the next request
        self._skip_line_ends_anew()
        if is_last:
            self.transport.close()
        elif self._unparsed:
            self.handle_events()
        self._note()

    def _is_under_way(self) -> bool:
        return self._is_taken or super()._is_under_way()

    def _end_of_time(self) -> None:
        """Let the application refuse a delivery whose body has not come whole in time."""
        if self._head is None:
            super()._end_of_time()
        else:
            self._leave_to_h11()
