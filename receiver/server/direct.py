"""Take an ordinary delivery straight from its connection, without h11, the application, and a task.

    bytes ─┬──an ordinary head──▶ its body ─┬──whole──▶ Taking.take ────────▶ answer
           │                                └──late───▶ Taking.refuse_late ──▶ answer
           └──anything else──▶ h11 ──▶ the application ──▶ answer

h11 gets the same bytes after a bug in taking, and if the server ends before the body has come. Deadlines, turns, ranks
and bounds are those of every request.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES

from receiver.server import ordinary
from receiver.server.ordinary import Ordinary
from receiver.server.protocol import DeadlineProtocol
from receiver.server.turns import Rank

log = logging.getLogger(__name__)

CLOSE = (b"connection", b"close")

Answer: TypeAlias = Callable[[Response, Rank], None]  # the rank of the connection after this answer
At = TypeVar("At")  # whose a delivery is, by its target


class Taking(Protocol[At]):
    """What takes ordinary deliveries without the application."""

    most: int  # bytes of a body

    def at(self, target: bytes) -> At | None:
        """Return whose the requests with this target are; None if they are no deliveries."""

    def take(self, at: At, head: Ordinary, body: bytes, client: str | None, answer: Answer) -> None:
        """Take or refuse a delivery, and call `answer` later, once. If this raises, the application gets it."""

    def refuse_late(self, at: At, client: str | None) -> Response:
        """Return the answer to a delivery whose body has not come whole in time."""


class DirectProtocol(DeadlineProtocol):
    """One connection.

    Args:
        taking: what takes ordinary deliveries; None: the application gets every request.
    """

    def __init__(self, *args: Any, taking: Taking[Any] | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._taking = taking
        self._head: Ordinary | None = None  # of the delivery whose body has not come whole, or that was taken
        self._at: Any = None  # whose that delivery is
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
        head = self._head
        if head is None:
            head = ordinary.read(self._unparsed, most=self._taking.most)
            self._at = None if head is None else self._taking.at(head.target)
            if head is None or self._at is None:
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

    def _take(self, head: Ordinary, taking: Taking[Any]) -> bool:
        try:
            taking.take(self._at, head, head.body(self._unparsed), self._address, self._answer)
        except Exception:
            log.exception("a bug in receiver; the application gets this request")
            return False
        return True

    def _leave_to_h11(self) -> None:
        assert self._head is not None, "its head has come"
        # At once: in pieces, a thousand such requests would lie half here and half in the application, and need both.
        size, self._head = self._head.size, None
        self._give_h11(size)

    def _answer(self, response: Response, rank: Rank) -> None:
        """Send the answer to the delivery that was taken, or that is late."""
        assert self._head is not None, "there is a delivery"
        is_kept, self._head, self._is_taken = self._head.is_kept, None, False
        if self.transport.is_closing():
            return
        status = response.status_code
        says_close = CLOSE in response.raw_headers
        is_last = says_close or not is_kept or self._is_last(status, authentic=rank is Rank.KNOWN)
        first = b"HTTP/1.1 %d %s\r\n" % (status, STATUS_PHRASES[status])
        added = [CLOSE] if is_last and not says_close else []
        headers = (*self.server_state.default_headers, *response.raw_headers, *added)
        lines = [b"%s: %s\r\n" % one for one in headers]
        self.transport.write(b"".join((first, *lines, b"\r\n", response.body)))
        self._rank = rank
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
        """Refuse a delivery whose body has not come whole in time."""
        if self._head is None or self._taking is None:
            super()._end_of_time()
        elif len(self._unparsed) < self._head.size:  # otherwise it waits for its turn
            self._answer(self._taking.refuse_late(self._at, self._address), Rank.OTHER)
