"""Accept connections, bounded in number, without turning a delivery away.

    accepted ──▶ waiting ──last byte of a request──▶ busy ──answer──▶ waiting ──▶ …
                    │    for a request, for the rest of one, or for its client to read
                    └──▶ closed, if it has waited longest and a new connection needs its place

A busy connection is never closed; if all are busy, the next one waits in the kernel's queue.

Clients must not use up the descriptors that the database and the spool need. The limit can be lowered while we run, and
other code can use more descriptors than we expect. So the free descriptors are counted before each round of accepting
and once a second, and the bound on connections leaves some descriptors in reserve.

The loop's own server is not used. uvloop's server accepts one connection in each round of the loop, so beside a few
hundred busy connections a new one waits in the kernel's queue for seconds. Without free descriptors uvloop accepts
connections only to close them. uvicorn's `limit_concurrency` is not used either: it refuses valid deliveries.

Several processes can share one listener. All wake up for each connection, and the first to wake could take all that
have come: of 64 that came at once, one of two processes took up to 64, and a client such as a proxy keeps its
connections. So a process that has accepted a few pauses for a millisecond, or for longer if it is busy. Of 64 that came
at once, each of two processes then took 17 to 47. How many are a few depends on how many have come together, not on how
many are open. Otherwise a process that has many connections takes most new ones: of 200, one with 300 took 140 to 170,
and one that had just started the rest.
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
from receiver.server.bounds import Bounds
from receiver.server.turns import Rank

log = logging.getLogger(__name__)

# Descriptors for everything else: the database, the spool, the loop, and a connection that comes while one is closed.
RESERVED = 100
FREE = 32  # descriptors stay free at any moment; a quarter of all if there are few
AT_ONCE = 16
SHARED_AT_ONCE = 2  # and one more for every 16 that were accepted since the kernel's queue was empty
PASS_ON_SECONDS = 0.001
UNREAD = 4 * AT_ONCE  # this many connections are from the last rounds: their bytes might not be read yet
LARGEST = 2**31 - 1  # the largest number of a descriptor
LEAST = 8  # connections are always allowed, even if other code uses up the descriptors
NO_ROOM_SECONDS = 0.01
LOOK_SECONDS = 1.0
STARVED_SECONDS = 60.0
REASONS = 3


def allowed(most: int) -> int:
    """Raise the limit of descriptors as far as needed, and return how many connections this process can have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = most + RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        raised = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        with suppress(ValueError, OSError):  # some platforms have yet another limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
    return _within(limit(), most)


def limit() -> int:
    """Return how many descriptors this process can have now."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return LARGEST if soft == resource.RLIM_INFINITY else min(soft, LARGEST)


def _within(limit: int, most: int) -> int:
    return min(most, max(limit - RESERVED, limit // 2))


def reserve(limit: int) -> int:
    """Return how many descriptors below `limit` are left free."""
    return min(FREE, limit // 4)


def free(limit: int, *, most: int) -> int:
    """Return how many descriptors below `limit` are free, counted up to `most`.

    The count begins at the top, where the free ones are. It does not open a descriptor to test it, because another
    thread might need that descriptor at the same moment.
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
    """The connections: the busy ones and, by rank, the waiting ones, the longest waiting first."""

    def __init__(self) -> None:
        self._busy: set[asyncio.Transport] = set()
        self._waiting: dict[Rank, OrderedDict[asyncio.Transport, None]] = {rank: OrderedDict() for rank in Rank}
        self._ending: set[asyncio.Transport] = set()
        self._on_waiting: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._busy) + sum(map(len, self._waiting.values()))

    def note_waiting(self, connection: asyncio.Transport, rank: Rank) -> None:
        """Note that a connection waits for its client from now on."""
        self.forget(connection)
        self._waiting[rank][connection] = None
        if self._on_waiting is not None:
            self._on_waiting()

    def note_busy(self, connection: asyncio.Transport) -> None:
        """Note that the client of a connection waits for an answer."""
        self.forget(connection)
        self._busy.add(connection)

    def forget(self, connection: asyncio.Transport) -> None:
        """Forget a connection."""
        self._busy.discard(connection)
        self._ending.discard(connection)
        for waiting in self._waiting.values():
            waiting.pop(connection, None)

    def close_longest_waiting(self) -> bool:
        """Close the connection that has waited longest, the last rank first; return whether one could be closed.

        If a client uses a connection at the moment in which we close it, the client can count a failed delivery. So
        connections that brought authentic deliveries are closed only if they are the majority.
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
        """How many connections were closed for new ones, but still hold their descriptor."""
        return len(self._ending)

    def call_on_waiting(self, callback: Callable[[], None] | None) -> None:
        """Call `callback` whenever a connection begins to wait; None ends that."""
        self._on_waiting = callback


class Acceptor:
    """Accepts connections from a listening socket until it is closed.

    Args:
        listener: closed with the acceptor.
        make: returns the protocol of a new connection; the protocol reports to `clients`.
        clients: the open connections.
        most: the limit of open connections; the limit is lower while descriptors are few.
        bounds: the limits. If the socket is `shared`, each process takes a few connections and leaves the next ones to
            the others, so that all get their share.
    """

    def __init__(
        self,
        listener: socket.socket,
        make: Callable[[], asyncio.Protocol],
        clients: Callers,
        *,
        most: int,
        bounds: Bounds,
    ) -> None:
        self._listener = listener
        self._make = make
        self._clients = clients
        self._shared = bounds.shared
        self._together = 0  # accepted since the kernel's queue was empty
        self._allowed = self._most = self._bound = most
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[None]] = set()
        self._pause: asyncio.Handle | None = None
        self._look = self._loop.call_later(LOOK_SECONDS, self._look_again)
        self._crowded = Seldom(_say, seconds=bounds.between_lines)
        self._starved_until = float("-inf")
        listener.settimeout(0)
        self._loop.add_reader(listener, self._take)

    async def close(self) -> None:
        """Accept no more connections, and return when the accepted ones have begun."""
        self._clients.call_on_waiting(None)
        self._look.cancel()
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        self._listener.close()
        self._crowded.close()
        if self._beginning:
            await asyncio.wait(self._beginning)

    def _take(self) -> None:
        """Accept a few connections, so that the open ones get their share of the loop."""
        self._close_down()
        taken = 0
        for _ in range(self._at_once):
            if self._count > self._bound and not self._make_room():
                self._rest()
                return
            try:
                client, _ = self._listener.accept()
            except BlockingIOError:
                self._together = 0
                break
            except ConnectionAbortedError:
                continue
            except OSError as exc:  # no descriptor, no memory: a connection might still wait in the kernel's queue
                self._starve(exc)
                self._rest()
                return
            task = self._loop.create_task(self._begin(client))
            self._beginning.add(task)
            task.add_done_callback(self._beginning.discard)
            taken += 1
            self._together += 1
        if self._shared and taken:
            self._pass_on()

    @property
    def _at_once(self) -> int:
        # If places are few, accept few: a new connection must be read before another one can replace it.
        most = max(2, min(AT_ONCE, self._bound // 8))
        return min(most, SHARED_AT_ONCE + self._together // AT_ONCE) if self._shared else most

    @property
    def _count(self) -> int:
        return len(self._clients) + len(self._beginning)

    def _close_down(self, why: str = "") -> None:
        """Adapt the bound to the free descriptors, and close connections beyond it."""
        most = limit()
        kept = reserve(most)
        spare = free(most, most=kept + AT_ONCE) + self._clients.ending - kept
        self._bound = _within(most, self._most if self._loop.time() < self._starved_until else self._allowed)
        if spare < AT_ONCE:
            self._bound = min(self._bound, max(LEAST, self._count + spare))
        while self._count > self._bound and self._make_room(why):
            pass

    def _look_again(self) -> None:
        """Adapt the bound even while no connection comes: a delivery on an open one might need a descriptor."""
        self._look = self._loop.call_later(LOOK_SECONDS, self._look_again)
        self._close_down()

    def _starve(self, error: OSError) -> None:
        """Lower the bound for a while, because no descriptor or memory was left for a connection or anything else."""
        self._most = max(self._count - FREE, self._count // 2, LEAST)
        self._starved_until = self._loop.time() + STARVED_SECONDS
        why = f"no connection can be accepted ({error.strerror})"
        self._close_down(why)
        self._crowded.note(why, count=0)

    async def _begin(self, client: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._make, client)
        except OSError as exc:
            client.close()
            log.debug("a connection ended before it began: %s", exc)

    def _rest(self) -> None:
        """Accept nothing for a moment, or until there is a connection to close."""
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(NO_ROOM_SECONDS, self._go_on)
        self._clients.call_on_waiting(self._hurry)

    def _pass_on(self) -> None:
        """Leave the next connections to other processes for a moment."""
        self._loop.remove_reader(self._listener)
        self._pause = self._loop.call_later(PASS_ON_SECONDS, self._go_on)

    def _hurry(self) -> None:
        """Accept again in the next round, before the connection that has begun to wait is read again."""
        self._clients.call_on_waiting(None)
        if self._pause is not None:
            self._pause.cancel()
        self._pause = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        self._clients.call_on_waiting(None)
        self._pause = None
        self._loop.add_reader(self._listener, self._take)
        self._take()

    def _make_room(self, why: str = "") -> bool:
        made = self._clients.close_longest_waiting()
        if made:
            self._crowded.note(why or f"more than {self._bound} connections")
        return made


def _say(heard: Sequence[Heard]) -> None:
    kinds = (f"{kind.what}: closed {kind.count} that waited for their client" for kind in heard[:REASONS])
    log.warning("%s", "; ".join(kinds))
