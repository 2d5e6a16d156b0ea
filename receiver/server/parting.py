"""End a connection so that its last answer arrives.

A socket that is closed while bytes come in is reset, and a reset may take the answer with it: who was still sending is
told of a broken connection, and a proxy says 502 in our stead. So where something is unread our side is closed first,
and what still comes is thrown away until the client closes its own, bounded in time and size (RFC 9112 9.6).

    open ──close, all is read──▶ closed
      └────close, something is unread──▶ parting ──the client's end, or enough of it──▶ closed
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

SILENT_SECONDS = 2.0
LONGEST_SECONDS = 10.0
MOST_BYTES = 16 * 1024 * 1024


class Parting(asyncio.Transport):
    """A connection's transport, whose `close` is in order.

    Args:
        transport: the real one.
        is_unread: whether its client has something to say that nobody will listen to.
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
        """Close at once, or when the client has said everything."""
        if self.is_closing():
            return
        if not self._is_unread():
            self._transport.close()
            return
        self.is_parting = True
        with suppress(OSError):  # the client may be gone, unnoticed yet
            self._transport.write_eof()
        self._transport.resume_reading()
        self._end_in("longest", LONGEST_SECONDS)
        self._end_in("silent", SILENT_SECONDS)

    def throw_away(self, data: bytes) -> None:
        """Take what comes while parting."""
        self._left -= len(data)
        if self._left < 0:
            self.abort()
        else:
            self._end_in("silent", SILENT_SECONDS)

    def lost(self) -> None:
        """Forget the bounds with the connection."""
        for timer in self._timers.values():
            timer.cancel()

    def is_closing(self) -> bool:
        """Whether nothing more is to be said or listened to."""
        return self.is_parting or self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send, unless everything has been said."""
        if not self.is_parting:
            self._transport.write(data)

    def abort(self) -> None:
        """Close at once, whatever is under way."""
        self._transport.abort()

    def pause_reading(self) -> None:
        """Read nothing for now."""
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
