"""The open connections: taken as they come, bounded in number, and no delivery is turned away for that.

    taken ──▶ waiting ──last byte of a request──▶ busy ──answer──▶ waiting ──▶ …
                 │    for a request, for the rest of one, to be read
                 └──▶ closed, where it has waited longest and another one comes

A busy connection is never closed; where all are busy, the next one waits in the kernel's queue.

Strangers must not take the descriptors that the database and the spool need, however few there are: the limit may be
lowered while we run, and something else may use more than we thought. So before each round of taking, and once a
second, the descriptors that are free are counted, and the bound is what leaves a reserve of them.

The loop's own server is not used. uvloop's takes one connection in each round of the loop, so that a few hundred busy
ones leave a new one in the kernel's queue for seconds; and without descriptors it takes connections to close them.
Nor is uvicorn's `limit_concurrency` used: it refuses valid deliveries.
"""

import asyncio
import fcntl
import itertools
import logging
import resource
import socket
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress

from receiver.logs.seldom import Heard, Seldom
from receiver.server.bounds import SERVICE
from receiver.server.turns import Rank

log = logging.getLogger(__name__)

# Descriptors for everything else: the database, the spool, the loop, and who comes while another is being closed.
RESERVED = 100
FREE = 32  # of them are left free at any moment, and a quarter of all where there are few
AT_ONCE = 16
UNREAD = 4 * AT_ONCE  # so many have come in the last rounds; what they sent may not have been read yet
LARGEST = 2**31 - 1  # number that a descriptor may have
LEAST = 8  # connections, whatever else takes the descriptors
NO_ROOM_SECONDS = 0.01
LOOK_SECONDS = 1.0
STARVED_SECONDS = 60.0
REASONS = 3


def allowed(most: int = SERVICE.connections) -> int:
    """Return how many connections this process may have, having raised its limit of descriptors as far as it needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = most + RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(ValueError, OSError):  # some platforms have yet another limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return _within(limit(), most)


def limit() -> int:
    """Return how many descriptors this process may have now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return LARGEST if soft == resource.RLIM_INFINITY else min(soft, LARGEST)


def _within(limit: int, most: int) -> int:
    return min(most, max(limit - RESERVED, limit // 2))


def reserve(limit: int) -> int:
    """Return how many descriptors below `limit` are left free."""
    return min(FREE, limit // 4)


def free(limit: int, *, most: int) -> int:
    """Return how many descriptors below `limit` are free, counted up to `most`.

    From above, where they are; none is taken for it, because another thread may need it at this moment.
    """
    found = (number for number in range(limit - 1, -1, -1) if not _is_open(number))
    return sum(1 for _ in itertools.islice(found, most))


def _is_open(descriptor: int) -> bool:
    try:
        fcntl.fcntl(descriptor, fcntl.F_GETFD)
    except OSError:
        return False
    return True


class Callers:
    """Who is connected: the busy ones and, by rank, those that wait, in the order in which they were last heard."""

    def __init__(self) -> None:
        self._busy: set[asyncio.Transport] = set()
        self._waiting: dict[Rank, OrderedDict[asyncio.Transport, None]] = {rank: OrderedDict() for rank in Rank}
        self._ending: set[asyncio.Transport] = set()
        self._tell: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._busy) + sum(map(len, self._waiting.values()))

    def waits(self, connection: asyncio.Transport, rank: Rank) -> None:
        """Note that a connection waits for its client, who was just heard."""
        self.gone(connection)
        self._waiting[rank][connection] = None
        if self._tell is not None:
            self._tell()

    def busy(self, connection: asyncio.Transport) -> None:
        """Note that a client waits for us."""
        self.gone(connection)
        self._busy.add(connection)

    def gone(self, connection: asyncio.Transport) -> None:
        """Forget a connection."""
        self._busy.discard(connection)
        self._ending.discard(connection)
        for waiting in self._waiting.values():
            waiting.pop(connection, None)

    def close_longest_waiting(self) -> bool:
        """Close the connection that has waited longest, the last rank first; says whether one could be closed.

        Who uses a connection again at the moment in which we close it may take that for a failed delivery, so those
        that have sent authentic ones are closed only where most are such.
        """
        half = len(self) // 2
        for rank, kept in ((Rank.OTHER, 0), (Rank.NEW, min(UNREAD, half)), (Rank.KNOWN, half)):
            if len(self._waiting[rank]) > kept:
                closed, _ = self._waiting[rank].popitem(last=False)
                self._ending.add(closed)
                closed.abort()
                return True
        return False

    @property
    def ending(self) -> int:
        """How many were closed to make room and hold their descriptor still."""
        return len(self._ending)

    def tell(self, tell: Callable[[], None] | None) -> None:
        """Have `tell` called whenever a connection begins to wait."""
        self._tell = tell


class Acceptor:
    """Takes connections from a listening socket until it is closed.

    Args:
        listener: closed with the acceptor.
        make: returns the protocol of a new connection, which tells `clients` of it.
        clients: those that there are.
        most: how many there may be; fewer where descriptors have become few.
        between_lines: seconds between two log lines that say who was closed.
    """

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        clients: Callers,
        *,
        most: int,
        between_lines: float = SERVICE.between_lines,
    ) -> None:
        self._listener = listener
        self._make = make
        self._clients = clients
        self._allowed = self._most = self._bound = most
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._pause: asyncio.Handle | None = None
        self._look = self._loop.call_later(LOOK_SECONDS, self._look_again)
        self._crowded = Seldom(_say, seconds=between_lines)
        self._starved_until = float("-inf")
        listener.settimeout(0)
        self._loop.add_reader(listener, self._take)

    async def close(self) -> None:
        """Take no more connections; returns when those that were taken have begun."""
        self._clients.tell(None)
        self._look.cancel()
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._crowded.close()
        if self._beginning:
            await asyncio.wait(self._beginning)

    def _take(self) -> None:
        """Take a few, so that those we have get on with theirs."""
        self._close_down()
        # Of few places a few at once: who has just come is to be heard before the next one takes the place.
        for _ in range(max(2, min(AT_ONCE, self._bound // 8))):
            if self._count > self._bound and not self._make_room():
                self._rest()
                return
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as exc:  # no descriptor, no memory: who waits in the kernel's queue loses nothing
                self._starve(exc)
                self._rest()
                return
            task = self._loop.create_task(self._begin(client))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)

    @property
    def _count(self) -> int:
        return len(self._clients) + len(self._beginning)

    def _close_down(self, why: str = "") -> None:
        """See how many connections there may be now, and close those beyond."""
        most = limit()
        kept = reserve(most)
        room = free(most, most=kept + AT_ONCE) + self._clients.ending - kept
        self._bound = _within(most, self._most if self._loop.time() < self._starved_until else self._allowed)
        if room < AT_ONCE:
            self._bound = min(self._bound, max(LEAST, self._count + room))
        while self._count > self._bound and self._make_room(why):
            pass

    def _look_again(self) -> None:
        """Close down also while nobody comes: those that are here may deliver."""
        self._look = self._loop.call_later(LOOK_SECONDS, self._look_again)
        self._close_down()

    def _starve(self, error: OSError) -> None:
        """Leave something to everything else where none could be had, for a while."""
        self._most = max(self._count - FREE, self._count // 2, LEAST)
        self._starved_until = self._loop.time() + STARVED_SECONDS
        why = f"no connection can be taken ({error.strerror})"
        self._close_down(why)
        self._crowded.note(why, count=0)

    async def _begin(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, client)
        except OSError as exc:
            client.close()
            log.debug("a connection ended before it began: %s", exc)

    def _rest(self) -> None:
        """Take none for a moment, or until there is one to close."""
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(NO_ROOM_SECONDS, self._go_on)
        self._clients.tell(self._hurry)

    def _hurry(self) -> None:
        """Go on in the next round, before the one that has begun to wait is heard again."""
        self._clients.tell(None)
        if self._pause is not None:
            self._pause.cancel()
        self._pause = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._clients.tell(None)
        self._pause = None
        self._loop.add_reader(self._listener, self._take)
        self._take()

    def _make_room(self, why: str = "") -> bool:
        made = self._clients.close_longest_waiting()
        if made:
            self._crowded.note(why or f"more than {self._bound} connections")
        return made


def _say(heard: Sequence[Heard]) -> None:
    said = (f"{one.what}: closed {one.count} that waited for their client" for one in heard[:REASONS])
    log.warning("%s", "; ".join(said))
