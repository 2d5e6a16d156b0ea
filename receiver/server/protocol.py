"""Extend uvicorn's h11 protocol with a deadline for receiving a request.

uvicorn itself waits forever for a client that sends nothing, sends byte by byte, or never reads the answers. Here a
connection is closed if the head of a request is not complete in time. The body has the same deadline. The code that
reads the body enforces it, because that code can still answer 408. A client that does not read its answers is cut off.
Keep-alive still works. The parser is h11, not httptools. With httptools an upgrade request would reach the application
with an empty body, and chunk trailers would appear as headers.

h11 leaves two things to its user. Line ends before a request are ignored here (RFC 9112 2.2). An answer that is sent
before its request is complete still arrives (see `parting`).

If a connection is closed after an answer, the answer says so with `Connection: close`. Otherwise a proxy might send the
next delivery on that connection. A malformed request is refused here, and the refusal is reported.

Input is parsed in turns (see `turns`). Each connection reports whether it waits for its client (see `connections`).
"""

import asyncio
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import h11
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol

from receiver.errors import RequestError
from receiver.failpoints import Failpoint, is_armed, reach
from receiver.server.bounds import Bounds
from receiver.server.connections import Callers
from receiver.server.parting import Parting
from receiver.server.turns import Rank, Turns

OnRefused: TypeAlias = Callable[[RequestError, str | None], None]

WHY_MALFORMED = {431: "a head that is too large", 501: "an unknown transfer encoding"}  # by h11's suggestion
BUG = 500  # after this answer uvicorn closes the connection in any case
PIECE_BYTES = 16 * 1024  # the most bytes parsed in one turn: up to a few thousand chunks of one byte
LINE_END_BYTES = 64  # line ends before a request are ignored up to this size; an honest client sends one or two


class _Flow(FlowControl):
    """Whether a connection is read and written.

    The application resumes reading whenever it asks for more of a body. While input waits for its turn that has no
    effect: otherwise a body of 16 pieces lets in 16 times what is read at once, 250 KB.
    """

    def __init__(self, transport: asyncio.Transport, has_enough: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._has_enough = has_enough

    def resume_reading(self) -> None:
        if not self._has_enough():
            super().resume_reading()


class DeadlineProtocol(H11Protocol):
    """One connection.

    Args:
        clients: the open connections.
        turns: when to parse.
        bounds: what a client can use.
        leaving: set once the server accepts no more requests after those under way.
        on_refused: called with the refusal of a malformed request, and the client's address.
    """

    def __init__(
        self,
        *args: Any,
        clients: Callers,
        turns: Turns,
        bounds: Bounds,
        leaving: asyncio.Event,
        on_refused: OnRefused | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._on_refused = on_refused
        self._leaving = leaving
        self.app_state = {
            **self.app_state,
            "is_last": lambda status: self._is_last(status, authentic="authentic" in self.scope["state"]),
            "is_refused": lambda: self.conn.their_state is h11.ERROR,
        }
        self._clients = clients
        self._turns = turns
        self._bounds = bounds
        self._unparsed = bytearray()
        self._in_line = False
        self._rank = Rank.NEW
        self._deadline: asyncio.TimerHandle | None = None
        self._answers_timer: asyncio.TimerHandle | None = None
        self._half_closed = False
        self._skipped = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base has it
        """Start the deadline of the first request at once."""
        super().connection_made(transport)
        self.transport = self._parting = Parting(transport, self._is_unread)
        self.flow = _Flow(self.transport, lambda: self._in_line)
        self._expect_request()
        self._note()

    def data_received(self, data: bytes) -> None:
        """Take in bytes. The first byte of a request starts its deadline, if none runs yet."""
        if self._parting.is_parting:
            self._parting.throw_away(data)
            return
        self._unparsed += data
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self._skip_line_ends()
            if not self._unparsed:
                return
        self._unset_keepalive_if_required()
        self.handle_events()

    def handle_events(self) -> None:
        """Parse the input, now or at this connection's turn; stop reading until then."""
        if self.transport.is_closing():
            return
        if self.conn.their_state is h11.IDLE and not self._has_more():
            return  # the request was answered, and no bytes follow it
        if self.conn.their_state is h11.DONE:
            self.flow.pause_reading()  # bytes behind a request wait until the request is answered
            return
        if not self._in_line:
            self._in_line = True
            self._turns.take(self._parse, self._rank)
        if self._in_line:
            self._note()
            self.flow.pause_reading()

    def eof_received(self) -> bool | None:  # type: ignore[override] # asyncio accepts a result here
        """Keep the connection for the answer if a client has sent its whole request and closed its side."""
        self._half_closed = True
        return not self._parting.is_parting and (self._in_line or self._is_under_way())

    def send_400_response(self, msg: str) -> None:
        """Answer 400, report the refusal, and wake the application if it still reads the refused body."""
        if self._on_refused is not None:
            why = WHY_MALFORMED.get(getattr(sys.exc_info()[1], "error_status_hint", 400), "malformed")
            self._on_refused(RequestError(why), self._address)
        super().send_400_response(msg)
        if self._is_reading():
            self.cycle.disconnected = True
            self.cycle.message_event.set()

    def on_response_complete(self) -> None:
        """Close the connection if the rest of the answered request will never come, or is not needed."""
        self._give_time()  # a pipelined request begins here
        self._after_answer()
        unwanted = self.conn.their_state is h11.SEND_BODY
        is_kept = self.conn.our_state is h11.DONE and self.conn.their_state is h11.DONE
        if is_kept:
            self._start_over()
        self._rank = Rank.KNOWN if "authentic" in self.scope["state"] else Rank.OTHER
        super().on_response_complete()
        if is_kept:
            self.handle_events()
        self._note()
        if unwanted or (self._half_closed and not self._in_line and not self._is_under_way()):
            self.transport.close()

    def _after_answer(self) -> None:
        if is_armed(Failpoint.AFTER_ANSWER):  # only at the end of this round uvloop sends what was written
            self.loop.call_soon(reach, Failpoint.AFTER_ANSWER)

    def pause_writing(self) -> None:
        """Start the deadline of a client that does not read its answers."""
        super().pause_writing()
        self._note()
        self._answers_timer = self.loop.call_later(self._bounds.unread, self.transport.abort)

    def resume_writing(self) -> None:
        """Cancel that deadline, because the client reads again."""
        self._cancel_answers_timer()
        super().resume_writing()
        self._note()

    def shutdown(self) -> None:
        """End the connection, but parse the queued input first, because it might be a delivery."""
        while self._in_line:
            self._parse()
        self._end()

    def _end(self) -> None:
        """End the connection now, or after the request under way."""
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadlines, because the connection is gone."""
        self._forget_deadline()
        self._cancel_answers_timer()
        self._parting.lost()
        self._clients.forget(self.transport)
        self._unparsed = bytearray()  # the garbage collector might come late, and does not know how much this is
        super().connection_lost(exc)

    @property
    def _address(self) -> str | None:
        """The client's address; None if its socket has none."""
        return self.client[0] if self.client else None

    def _should_upgrade(self) -> bool:
        """Ignore requests to upgrade. For each one uvicorn would log two warnings, and anyone can send them."""
        return False

    def _parse(self) -> None:
        if not self._in_line:
            return
        self._in_line = False
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self._read()
        self._note()
        if self._half_closed and not self._in_line and not self._is_under_way():
            self.transport.close()  # the rest of the request will never come

    def _read(self) -> None:
        """Parse the next piece of the input."""
        self._give_h11(PIECE_BYTES)

    def _give_h11(self, most: int) -> None:
        if self.conn.their_state is h11.IDLE and self._deadline is None:
            self._expect_request()
        piece = bytes(self._unparsed[:most])
        del self._unparsed[:most]
        if piece:  # h11 takes an empty piece as the end of the input
            self.conn.receive_data(piece)
        super().handle_events()
        if self.conn.their_state is not h11.IDLE:
            self._forget_deadline()
        if self._unparsed:
            self.handle_events()

    def _start_over(self) -> None:
        """Take back from h11 the bytes that follow the answered request, and begin a new h11 connection."""
        self._unparsed[:0] = self.conn.trailing_data[0]
        self.conn = h11.Connection(h11.SERVER)
        self._skip_line_ends_anew()

    def _skip_line_ends_anew(self) -> None:
        self._skipped = 0
        self._skip_line_ends()

    def _skip_line_ends(self) -> None:
        """Ignore line ends before a request. They are not a part of it, so they do not start its deadline."""
        if not self._unparsed.startswith((b"\r", b"\n")):
            return  # without a copy of what waits here
        left = self._unparsed.lstrip(b"\r\n")
        self._skipped += len(self._unparsed) - len(left)
        if self._skipped <= LINE_END_BYTES:
            self._unparsed = left

    def _is_last(self, status: int, *, authentic: bool) -> bool:
        """Return whether the connection is closed after the answer that begins now; see `on_response_complete`."""
        if self._leaving.is_set() or status == BUG:
            return True
        if self.conn.their_state is h11.SEND_BODY:  # the rest of this request's body will not be read
            return True
        behind = self.conn.trailing_data[0] + self._unparsed
        if len(behind) - len(left := behind.lstrip(b"\r\n")) <= LINE_END_BYTES:
            behind = left
        if behind:  # a refused client that always has more to send would stay busy, and keep its place for ever
            return not authentic
        return self._half_closed

    def _is_unread(self) -> bool:
        """Return whether the client might be sending bytes that will not be read. An incomplete head does not count."""
        theirs = self.conn.their_state
        behind = self._unparsed or (theirs is not h11.IDLE and self.conn.trailing_data[0])
        return not self._half_closed and (theirs in (h11.SEND_BODY, h11.ERROR) or bool(behind))

    def _has_more(self) -> bool:
        """Return whether bytes follow the answered request."""
        return bool(self._unparsed or self.conn.trailing_data[0])

    def _is_reading(self) -> bool:
        """Return whether the application still expects more of a request's body."""
        return self.cycle is not None and self.cycle.more_body and not self.cycle.response_complete

    def _is_under_way(self) -> bool:
        """Return whether a whole request has arrived and is not answered yet."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def _note(self) -> None:
        """Report whether this connection waits for its client, or the client waits for an answer."""
        if self._parting.is_parting:
            self._unparsed = bytearray()  # nothing more is read
            self._clients.note_waiting(self.transport, Rank.OTHER)
        elif self._in_line or (self._is_under_way() and not self.flow.write_paused):
            self._clients.note_busy(self.transport)
        else:
            self._clients.note_waiting(self.transport, self._rank)

    def _expect_request(self) -> None:
        self._give_time()
        self._deadline = self.loop.call_later(self._bounds.receive, self._end_of_time)

    def _end_of_time(self) -> None:
        self.transport.close()

    def _give_time(self) -> None:
        """Set the deadline for the body of a request that begins now."""
        self.app_state = {**self.app_state, "deadline": self.loop.time() + self._bounds.receive}

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cancel_answers_timer(self) -> None:
        if self._answers_timer is not None:
            self._answers_timer.cancel()
            self._answers_timer = None
