"""`server.direct`: an ordinary delivery never reaches the application, and nobody can tell that from the answers."""

import asyncio
import gc
import itertools
import logging
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from receiver.server import KEEP_ALIVE_SECONDS, Ordinary, Rank, bind, direct, serve
from receiver.server import running as server
from receiver.server.bounds import SERVICE, Bounds
from receiver.web import body
from tests.processes import sign
from tests.server.wire import (
    GUARD_SECONDS,
    ODD,
    PATH,
    Clock,
    Connection,
    Web,
    catch_up,
    chunked,
    connected,
    delivery,
    event,
    head,
    serving,
)  # fmt: skip

pytestmark = pytest.mark.asyncio(loop_scope="module")

STORED, DUPLICATE, REFUSED = (200, "stored"), (200, "duplicate"), (401, "invalid_signature")
UNSIGNED = f"POST {PATH} HTTP/1.1\r\nHost: web\r\nContent-Length: 2\r\n\r\n{{}}".encode()


def odd(raw: bytes, *lines: str) -> bytes:
    """Return a delivery that the application has to see."""
    return delivery(raw, *ODD, *lines)


@asynccontextmanager
async def nobody_reaches_the_application(web: Web) -> AsyncIterator[None]:
    before = len(web.seen)
    yield
    assert web.seen[before:] == []


# --- what is taken ---------------------------------------------------------------------------------------------------


PIECES: dict[str, Callable[[bytes, bytes], list[bytes]]] = {
    "in one piece": lambda head, raw: [head + raw],
    "the head, then the body": lambda head, raw: [head, raw],
    "the head with a byte of the body": lambda head, raw: [head + raw[:1], raw[1:]],
    "all but a byte": lambda head, raw: [head + raw[:-1], raw[-1:]],
    "the body byte by byte": lambda head, raw: [head, *(bytes([byte]) for byte in raw)],
}


@pytest.mark.parametrize("pieces", PIECES.values(), ids=PIECES)
async def test_an_ordinary_delivery_never_reaches_the_application(
    pieces: Callable[[bytes, bytes], list[bytes]], web: Web
) -> None:
    raw = event()
    async with nobody_reaches_the_application(web), web.connected() as client:
        for answer in (STORED, DUPLICATE):
            for piece in pieces(head(raw), raw):
                await client.send(piece)
                await catch_up()
            assert (await client.answer()).said == answer
    assert await web.holds(raw)


async def test_the_largest_body_is_taken_and_a_larger_one_refused(web: Web) -> None:
    async with web.connected() as client:
        async with nobody_reaches_the_application(web):
            await client.send(delivery(event().ljust(body.BODY_BYTES)))
            assert (await client.answer()).said == STORED
        await client.send(delivery(event().ljust(body.BODY_BYTES + 1)))
        assert (await client.answer()).said == (413, "body_too_large")


async def test_line_ends_around_deliveries_are_ignored(web: Web) -> None:
    async with nobody_reaches_the_application(web), web.connected() as client:
        await client.send(b"\r\n" + delivery(event()) + b"\r\n\n" + delivery(event()) + b"\n")
        assert await client.said(2) == [STORED] * 2
        await client.send(b"\r\n")
        await catch_up()
        await client.send(delivery(event()))
        assert await client.said(1) == [STORED]


@pytest.mark.parametrize("kept", ["keep-alive", "Keep-Alive"])
async def test_who_asks_to_keep_the_connection_keeps_it(kept: str, web: Web) -> None:
    async with nobody_reaches_the_application(web), web.connected() as client:
        for _ in range(2):
            await client.send(delivery(event(), f"Connection: {kept}"))
            answer = await client.answer()
            assert (answer.said, "connection" in answer.headers) == (STORED, False)


@pytest.mark.parametrize("behind", [b"", delivery(b"{}")], ids=["alone", "with another behind it"])
async def test_who_asks_to_close_is_told_so_and_closed(behind: bytes, web: Web) -> None:
    async with nobody_reaches_the_application(web), web.connected() as client:
        await client.send(delivery(event(), "Connection: close") + behind)
        answer = await client.answer()
        assert (answer.said, answer.headers["connection"]) == (STORED, "close")
        assert await client.end() == b""


async def test_who_has_closed_its_side_is_answered_and_closed(web: Web) -> None:
    async with nobody_reaches_the_application(web), web.connected() as client:
        await client.send(delivery(event()) * 2)
        client.writer.write_eof()
        answers = [await client.answer() for _ in range(2)]
        assert [answer.said for answer in answers] == [STORED, DUPLICATE]
        assert [answer.headers.get("connection") for answer in answers] == [None, "close"]
        assert await client.end() == b""


async def test_who_closes_its_side_in_the_middle_of_a_body_is_closed(web: Web) -> None:
    raw = event()
    async with nobody_reaches_the_application(web), web.connected() as client:
        await client.send(head(raw) + raw[:-1])
        await catch_up()
        client.writer.write_eof()
        assert await client.end() == b""
    assert not await web.holds(raw)


async def test_a_kept_connection_is_closed_when_nothing_comes(web: Web, clock: Clock) -> None:
    async with nobody_reaches_the_application(web), web.connected() as client:
        await client.send(delivery(event()))
        assert (await client.answer()).said == STORED
        await clock.forward(KEEP_ALIVE_SECONDS - 1)
        await client.send(delivery(event()))
        assert (await client.answer()).said == STORED
        await clock.forward(KEEP_ALIVE_SECONDS - 1)
        assert client.is_open
        clock.go_on()
        await clock.forward(1)
        assert await client.end() == b""


# --- several on one connection ---------------------------------------------------------------------------------------


ROWS = ("od", "do", "dd", "dud", "udd", "oo", "ddddd", "dodod", "ddu")


CUTS: dict[str, Callable[[list[int]], list[int]]] = {
    "in one piece": lambda _: [],
    "at the edges": lambda edges: edges,
    "before the edges": lambda edges: [edge - 1 for edge in edges],
    "behind the edges": lambda edges: [edge + 1 for edge in edges],
    "in between": lambda edges: [(edge + after) // 2 for edge, after in itertools.pairwise(edges)],
}


async def send_cut(client: Connection, *requests: bytes, cut: str) -> None:
    """Send requests, cut near the ends of lines, heads and bodies; each piece is read before the next one is sent."""
    sent, edges = b"".join(requests), list(itertools.accumulate(map(len, requests), initial=0))
    edges = sorted({*edges, *(found.end() for found in re.finditer(rb"\r\n", sent))})
    cuts = [0, *(place for place in CUTS[cut](edges) if 0 < place < len(sent)), len(sent)]
    for begin, end in itertools.pairwise(cuts):
        await client.send(sent[begin:end])
        await catch_up()


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("cut", CUTS)
async def test_deliveries_of_both_ways_are_answered_in_order(row: str, cut: str, web: Web) -> None:
    """A `d` is an ordinary delivery, an `o` an odd one, and a `u` has no signature, which ends the connection."""
    made = {"d": delivery, "o": odd}
    before, heard = len(web.seen), row.partition("u")[0] + "u" * ("u" in row)
    async with web.connected() as client:
        await send_cut(client, *(UNSIGNED if kind == "u" else made[kind](event()) for kind in row), cut=cut)
        answers = [await client.answer() for _ in heard]
    assert [answer.said for answer in answers] == [REFUSED if kind == "u" else STORED for kind in heard]
    if cut == "in one piece":
        assert len(web.seen) - before == row.count("o")
        assert ("connection" in answers[-1].headers) == (heard != row)


async def test_what_begins_behind_a_delivery_may_end_later(web: Web) -> None:
    raw = event()
    async with nobody_reaches_the_application(web), web.connected() as client:
        await client.send(delivery(event()) + head(raw) + raw[:3])
        assert (await client.answer()).said == STORED
        await client.send(raw[3:])
        assert (await client.answer()).said == STORED


# --- what goes the long way ------------------------------------------------------------------------------------------


def changed(old: str, new: str, raw: bytes) -> bytes:
    return delivery(raw).replace(old.encode(), new.encode(), 1)


UNPROVEN: dict[str, Callable[[bytes], bytes]] = {
    "a bad signature": partial(changed, "v1=", f"v1={'0' * 64},v0="),
    "a stale signature": lambda raw: changed(
        sign(raw)["X-Transcribe-Signature"], sign(raw, at=1)["X-Transcribe-Signature"], raw
    ),
    "no signature": partial(changed, "X-Transcribe-Signature", "X-Other"),
    "an unknown callback": partial(changed, PATH, f"{PATH}/jobs/unknown"),
}


@pytest.mark.parametrize("kind", UNPROVEN)
async def test_what_nothing_proves_is_refused_without_the_application(kind: str, web: Web) -> None:
    async with nobody_reaches_the_application(web), web.connected() as client:
        for _ in range(2):
            web.receiver.keyring.hurry()
            await client.send(UNPROVEN[kind](event()))
            answer = await client.answer()
            assert (answer.said, "connection" in answer.headers) == (REFUSED, False)
        await client.send(delivery(event()))
        assert (await client.answer()).said == STORED


LONG: dict[str, tuple[Callable[[bytes], bytes], tuple[int, str]]] = {
    "no signature": (lambda raw: odd(raw).replace(b"X-Transcribe-Signature", b"X-Other"), REFUSED),
    "an unknown target": (partial(changed, PATH, f"{PATH}/x"), (404, "not_found")),
    "a whole URL": (partial(changed, PATH, f"http://web{PATH}"), STORED),
    "a query": (partial(changed, PATH, f"{PATH}?a=1"), STORED),
    "an escaped target": (partial(changed, PATH, PATH.replace("-", "%2D")), STORED),
    "chunks": (chunked, STORED),
    "a header twice": (odd, STORED),
    "HTTP/1.0": (partial(changed, "HTTP/1.1", "HTTP/1.0"), STORED),
    "an upgrade": (lambda raw: delivery(raw, "Connection: Upgrade", "Upgrade: h2c"), STORED),
    "another method": (partial(changed, "POST", "PUT"), (405, "method_not_allowed")),
}


@pytest.mark.parametrize("kind", LONG)
@pytest.mark.parametrize("cut", CUTS)
async def test_everything_else_is_answered_by_the_application(kind: str, cut: str, web: Web) -> None:
    request, answer = LONG[kind]
    before = len(web.seen)
    web.receiver.keyring.hurry()
    async with web.connected() as client:
        await send_cut(client, request(event()), cut=cut)
        assert (await client.answer()).said == answer
    assert len(web.seen) == before + 1


async def test_two_hosts_are_refused(web: Web) -> None:
    async with nobody_reaches_the_application(web), web.connected() as client:
        await client.send(delivery(event(), "Host: web"))
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")


async def test_who_expects_100_gets_it(web: Web) -> None:
    raw = event()
    async with web.connected() as client:
        await client.send(head(raw, "Expect: 100-continue"))
        assert (await client.answer()).status == 100
        await client.send(raw)
        assert (await client.answer()).said == STORED


@pytest.mark.parametrize("size", [50, 100_000], ids=["short", "long"])
@pytest.mark.parametrize("kept", [False, True], ids=["at once", "behind another"])
async def test_a_body_that_comes_late_is_refused_and_counted(size: int, kept: bool, web: Web, clock: Clock) -> None:  # noqa: FBT001 - a case
    raw = event().ljust(size)
    async with nobody_reaches_the_application(web), web.connected() as client:
        await client.send((delivery(event()) if kept else b"") + head(raw) + raw[:-1])
        if kept:
            assert (await client.answer()).said == STORED
        answering = asyncio.create_task(client.answer())
        await clock.forward(SERVICE.receive - 1)
        assert not answering.done()
        await clock.forward(1)
        clock.go_on()
        answer = await answering
        assert (answer.said, answer.headers["connection"]) == ((408, "timeout"), "close")
        assert await client.end() == b""
    assert "lately with 408 timeout" in web.receiver.failures_of().check(trusted=True).seen


# --- what goes wrong -------------------------------------------------------------------------------------------------


async def test_the_delivery_of_a_client_that_vanishes_is_stored_nevertheless(
    web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    raw = event()
    async with nobody_reaches_the_application(web):
        async with web.db.acquire() as holding, holding.transaction():
            await holding.execute("lock table receiver.events in share mode")
            async with web.connected() as client:
                await client.send(delivery(raw))
                await catch_up()
                client.vanish()
                await catch_up()
        async with asyncio.timeout(GUARD_SECONDS):
            while not await web.holds(raw):
                await catch_up()
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_an_ended_connection_keeps_nothing_of_what_came_over_it(web: Web) -> None:
    """What is left of it waits for the garbage collector, which does not know how much that is."""

    def keeping() -> list[object]:
        return [one for one in gc.get_objects() if type(one) is direct.DirectProtocol and vars(one)["_unparsed"]]

    async with web.connected() as client:
        await client.send(delivery(event())[:-1])
        await catch_up()
        assert len(keeping()) == 1
        client.vanish()
    async with asyncio.timeout(GUARD_SECONDS):
        while keeping():
            await catch_up()


async def test_without_the_database_it_is_spooled(receiver_database: str, tmp_path: Path) -> None:
    async with serving(receiver_database, away=True, spool=tmp_path) as web, web.connected() as client:
        async with nobody_reaches_the_application(web):
            await client.send(delivery(event()))
            assert (await client.answer()).said == STORED
            await client.send(delivery(event()))  # from now on it is known that the database is away
            assert (await client.answer()).said == STORED
        assert (await web.receiver.store.check()).seen != "empty"


async def test_without_a_place_anywhere_it_is_refused_and_counted_and_the_connection_kept(
    receiver_database: str,
) -> None:
    async with serving(receiver_database, away=True) as web, web.connected() as client:
        async with nobody_reaches_the_application(web):
            await client.send(delivery(event()))
            answer = await client.answer()
            assert web.receiver.failures_of().in_a_row == 1
            await client.send(delivery(event()))
            second = await client.answer()
        assert (answer.status, answer.headers["retry-after"], "connection" in answer.headers) == (503, "60", False)
        assert (second.said, second.headers | {"date": ""}) == (answer.said, answer.headers | {"date": ""})
        assert web.receiver.failures_of().in_a_row == 2


# --- a delivery under way --------------------------------------------------------------------------------------------


class Taking:
    """Takes every request, and answers it when it is told to, or at once."""

    most = 100

    def __init__(self) -> None:
        self.taken: list[tuple[str, Ordinary, bytes, str | None, direct.Answer]] = []
        self.at_once: Response | None = None
        self.bug: Exception | None = None

    def at(self, target: bytes) -> str | None:
        return "here" if target == PATH.encode() else None

    def take(self, at: str, head: Ordinary, body: bytes, client: str | None, answer: direct.Answer) -> None:
        if self.bug is not None:
            raise self.bug
        if self.at_once is not None:
            asyncio.get_running_loop().call_soon(answer, self.at_once, Rank.KNOWN)
        else:
            self.taken.append((at, head, body, client, answer))

    def refuse_late(self, at: str, client: str | None) -> Response:
        return PlainTextResponse(f"{at} {client}", 408)

    def answer(self, response: Response, rank: Rank = Rank.KNOWN) -> None:
        self.taken.pop(0)[4](response, rank)


class Place:
    """A server whose deliveries go to a `Taking`, and whose application answers 418."""

    def __init__(self, bounds: Bounds) -> None:
        self.taking = Taking()
        self.stop, self.relieved = asyncio.Event(), asyncio.Event()
        self.pieces = list[int]()
        app = Starlette(routes=[Route(PATH, self._tell, methods=["POST"])])
        app.state.taking = self.taking
        self._listener = bind("127.0.0.1", 0)
        self.port: int = self._listener.getsockname()[1]
        self.running = asyncio.create_task(serve(app, self._listener, self.stop, relieved=self.relieved, bounds=bounds))

    async def _tell(self, request: Request) -> Response:
        pieces = [piece async for piece in request.stream()]
        self.pieces += map(len, pieces)
        return PlainTextResponse(b"".join(pieces), 418)

    @asynccontextmanager
    async def sent(self, request: bytes) -> AsyncIterator[Connection]:
        """Yield a client that has sent a request, which has come."""
        async with connected(self.port) as client:
            await client.send(request)
            await catch_up()
            yield client


@asynccontextmanager
async def placed(bounds: Bounds = SERVICE) -> AsyncIterator[Place]:
    place = Place(bounds)
    try:
        yield place
    finally:
        while place.taking.taken:  # a failed test may leave some, for which the server would wait
            place.taking.answer(PlainTextResponse("over", 503))
        place.stop.set()
        await asyncio.wait_for(place.running, GUARD_SECONDS)


def request(raw: bytes, *lines: str) -> bytes:
    return (
        "\r\n".join([f"POST {PATH} HTTP/1.1", "Host: web", f"Content-Length: {len(raw)}", *lines, "", ""]).encode()
        + raw
    )


async def test_it_is_taken_with_its_head_its_body_and_its_client() -> None:
    async with placed() as place, place.sent(request(b"abc", "X-A:  b ")) as client:
        ((at, taken, raw, address, _),) = place.taking.taken
        assert (at, taken.target, raw, address) == ("here", PATH.encode(), b"abc", "127.0.0.1")
        assert (b"x-a", b"b") in taken.headers
        place.taking.answer(PlainTextResponse("ok"))
        assert (await client.answer()).content == b"ok"


async def test_what_it_does_not_want_is_the_applications() -> None:
    async with placed() as place, place.sent(request(b"1").replace(b" /webhooks", b" /elsewhere")) as client:
        assert place.taking.taken == []
        assert (await client.answer()).status == 404


async def test_what_is_late_is_refused_with_its_head_and_its_client(clock: Clock) -> None:
    async with placed() as place, place.sent(request(b"12")[:-1]) as client:
        await clock.forward(SERVICE.receive)
        clock.go_on()
        answer = await client.answer()
        assert (answer.status, answer.content) == (408, b"here 127.0.0.1")
        assert answer.headers["connection"] == "close"
        assert await client.end() == b""


async def test_what_has_come_whole_is_taken_although_its_turn_comes_after_its_time(clock: Clock) -> None:
    async with placed(replace(SERVICE, turns=1)) as place, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(place.sent(request(b"12")[:-1])) for _ in range(3)]
        for client in clients:
            client.writer.write(b"2")
        clock.jump(SERVICE.receive)
        await catch_up()
        clock.go_on()
        assert [raw for _, _, raw, *_ in place.taking.taken] == [b"12"] * 3
        for client in clients:
            place.taking.answer(PlainTextResponse("ok"))
            assert (await client.answer()).content == b"ok"


async def test_who_is_refused_with_more_behind_is_closed() -> None:
    async with placed() as place, place.sent(request(b"1") + request(b"2")) as client:
        place.taking.answer(PlainTextResponse("no", 401), Rank.OTHER)
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (401, "close")
        assert await client.end() == b""
    assert place.taking.taken == []


async def test_one_at_a_time_is_taken_from_a_connection() -> None:
    async with placed() as place, place.sent(request(b"1") + request(b"2")) as client:
        await client.send(request(b"3"))
        await catch_up()
        for number in (b"1", b"2", b"3"):
            ((_, _, raw, *_),) = place.taking.taken
            assert raw == number
            place.taking.answer(PlainTextResponse(number))
            await catch_up()
            assert (await client.answer()).content == number


async def test_after_a_bug_the_connection_is_closed() -> None:
    async with placed() as place, place.sent(request(b"1")) as client:
        place.taking.answer(PlainTextResponse("bug", 500))
        answer = await client.answer()
        assert (answer.status, answer.headers["connection"]) == (500, "close")
        assert await client.end() == b""


async def test_what_is_answered_to_a_client_that_is_gone_is_thrown_away() -> None:
    async with placed() as place, place.sent(request(b"1") + request(b"2")) as client:
        client.vanish()
        await catch_up()
        place.taking.answer(PlainTextResponse("ok"))
        await catch_up()
        assert place.taking.taken == []


async def test_a_bug_in_taking_leaves_the_delivery_to_the_application(caplog: pytest.LogCaptureFixture) -> None:
    async with placed() as place:
        place.taking.bug = RuntimeError("nobody foresaw it")
        async with place.sent(request(b"1")) as client:
            answer = await client.answer()
            assert (answer.status, answer.content) == (418, b"1")
            assert "nobody foresaw it" in caplog.text


async def test_what_comes_behind_a_body_waits_in_the_kernel_and_is_let_go_when_that_is_answered() -> None:
    said, most = request(bytes(body.BODY_BYTES), "Connection: x") + bytes(16 * body.BODY_BYTES), 0
    async with placed(replace(SERVICE, turns=1)) as place, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(connected(place.port)) for _ in range(4)]
        await catch_up()
        found = [one for one in gc.get_objects() if type(one) is direct.DirectProtocol]
        kept = [vars(one) for one in found if not one.transport.is_closing()]
        answers = asyncio.gather(*(client.answer() for client in clients))
        sending = asyncio.gather(*(client.send(said) for client in clients))
        while not answers.done():
            most = max(most, *(len(one["_unparsed"]) for one in kept))
            await asyncio.sleep(0)
        assert [len(answer.content) for answer in await answers] == [body.BODY_BYTES] * 4
        assert 0 < most < 2 * body.BODY_BYTES
        assert not any(one["_unparsed"] for one in kept)
        await sending


async def test_what_is_left_to_the_application_is_given_to_it_at_once() -> None:
    """In pieces, many requests would each be half here and half there, and need memory for both."""
    async with placed(replace(SERVICE, turns=1)) as place:
        place.taking.most, place.taking.bug = body.BODY_BYTES, RuntimeError("nobody foresaw it")
        async with place.sent(request(bytes(body.BODY_BYTES))) as client:
            assert (await client.answer()).status == 418
    assert place.pieces == [body.BODY_BYTES, 0]


@pytest.mark.parametrize("ends", ["stop", "relieved"])
async def test_who_is_under_way_when_the_server_leaves_is_answered_and_closed(ends: str, clock: Clock) -> None:
    async with placed() as place, place.sent(request(b"1") + request(b"2")) as client:
        getattr(place, ends).set()
        await clock.forward(2 * server.LINGER_SECONDS)
        await clock.forward(2 * server.LINGER_SECONDS)
        clock.go_on()
        assert not place.running.done()
        place.taking.answer(PlainTextResponse("ok"))
        answer = await client.answer()
        assert (answer.content, answer.headers["connection"]) == (b"ok", "close")
        assert await client.end() == b""


async def test_whose_body_is_awaited_when_the_server_stops_is_answered_and_closed(clock: Clock) -> None:
    async with placed() as place, place.sent(request(b"12")[:-1]) as client:
        place.stop.set()
        for _ in range(4):
            await clock.forward(server.LINGER_SECONDS)
        clock.go_on()
        assert not place.running.done()
        await client.send(b"2")
        answer = await client.answer()
        assert (answer.status, answer.content, answer.headers["connection"]) == (418, b"12", "close")
        with suppress(ConnectionError):
            await client.end()


async def test_a_client_that_never_reads_its_answers_is_cut_off() -> None:
    """And it cannot send without end meanwhile."""
    async with placed(replace(SERVICE, unread=0.1)) as place:
        place.taking.at_once = PlainTextResponse("x" * 20_000)
        async with place.sent(b"") as client:
            with pytest.raises(ConnectionError):
                await client.send(request(b"1") * 100_000)
