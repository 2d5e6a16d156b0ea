"""End a connection so that its last answer arrives.

A socket that is closed while bytes come in is reset, and the reset can destroy the answer: a client that is still
sending sees a broken connection, and a proxy answers 502. So if something is unread, only our side is closed at first.
Later bytes are thrown away until the client closes its side, within limits of time and size (RFC 9112 9.6).

    open ──close, all is read──▶ closed
      └────close, something is unread──▶ parting ──the client closes its side, or a limit is reached──▶ closed
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

SILENT_SECONDS = 2.0
LONGEST_SECONDS = 10.0
MOST_BYTES = 16 * 1024 * 1024


class Parting(asyncio.Transport):
    """A connection's transport, whose `close` does not destroy the last answer.

    Args:
        transport: the real one.
        is_unread: returns whether the client might be sending bytes that will not be read.
    """

    def __init__(self, transport: asyncio.Transport, is_unread: Callable[[], bool]) -> None:
        super().__init__()
        self._transport = transport
        self._is_unread = is_unread
        self._loop = asyncio.get_running_loop()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._left = MOST_BYTES
        self.is_parting = False

    def close(self) -> None:
        """Close now or, if something is unread, after the client has closed its side."""
        if self.is_closing():
            return
        if not self._is_unread():
            self._transport.close()
            return
        self.is_parting = True
        with suppress(OSError):  # the client might be gone, unnoticed yet
            self._transport.write_eof()
        self._transport.resume_reading()
        self._end_in("longest", LONGEST_SECONDS)
        self._end_in("silent", SILENT_SECONDS)

    def throw_away(self, data: bytes) -> None:
        """Discard bytes that come while parting."""
        self._left -= len(data)
        if self._left < 0:
            self.abort()
        else:
            self._end_in("silent", SILENT_SECONDS)

    def lost(self) -> None:
        """Cancel the timers, because the connection is gone."""
        for timer in self._timers.values():
            timer.cancel()

    def is_closing(self) -> bool:
        """Return whether nothing more is sent or read."""
        return self.is_parting or self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes, unless our side is closed."""
        if not self.is_parting:
            self._transport.write(data)

    def abort(self) -> None:
        """Close now, even if data is still under way."""
        self._transport.abort()

    def pause_reading(self) -> None:
        """Stop reading until `resume_reading`."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Read again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what is known of the socket."""
        return self._transport.get_extra_info(name, default)

    def _end_in(self, name: str, seconds: float) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._loop.call_later(seconds, self.abort)
