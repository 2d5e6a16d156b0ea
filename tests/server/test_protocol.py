"""`server.protocol`: on real sockets, every connection gets its answer or its end, and none is held forever."""

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from receiver.server import bind, inherit, parting, protocol
from receiver.server import running as server
from receiver.server.bounds import SERVICE
from receiver.web import body
from tests.processes import sign
from tests.server import wire
from tests.server.wire import (
    GUARD_SECONDS,
    PATH,
    Clock,
    Connection,
    Web,
    catch_up,
    chunked,
    event,
    serving,
)


def head(raw: bytes, *lines: str, **options: Any) -> bytes:
    """Return the head of an authentic delivery that is not ordinary: the protocol gives it to the application."""
    return wire.head(raw, *wire.ODD, *lines, **options)


def delivery(raw: bytes, *lines: str) -> bytes:
    return head(raw, *lines) + raw


# One server for all that do not stop it: each start and stop takes longer than everything else together.
pytestmark = pytest.mark.asyncio(loop_scope="module")

# --- what is well ----------------------------------------------------------------------------------------------------


async def test_a_delivery_that_comes_byte_by_byte_is_stored(web: Web) -> None:
    raw = event()
    async with web.connected() as client:
        for byte in delivery(raw):
            await client.send(bytes([byte]))
        assert (await client.answer()).said == (200, "stored")
    assert await web.holds(raw)


async def test_a_chunked_delivery_is_stored_as_one(web: Web) -> None:
    raw = event()
    async with web.connected() as client:
        await client.send(chunked(raw))
        assert (await client.answer()).said == (200, "stored")
    assert await web.holds(raw)


async def test_a_trailer_is_no_header(web: Web) -> None:
    """A signature in a trailer must not prove the body."""
    raw = event()
    request = f"POST {PATH} HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    trailer = f"0\r\nX-Transcribe-Signature: {sign(raw)['X-Transcribe-Signature']}\r\n\r\n".encode()
    async with web.connected() as client:
        await client.send(request + b"%x\r\n%b\r\n" % (len(raw), raw) + trailer)
        assert (await client.answer()).said == (401, "invalid_signature")


async def test_a_connection_is_kept_for_the_next_delivery_beyond_the_deadline(web: Web, clock: Clock) -> None:
    first, second = event(), event()
    async with web.connected() as client:
        await client.send(delivery(first))
        assert (await client.answer()).said == (200, "stored")
        await clock.forward(SERVICE.receive * 2)
        await client.send(delivery(second))
        assert (await client.answer()).said == (200, "stored")
        await client.send(delivery(second))
        assert (await client.answer()).said == (200, "duplicate")


async def test_two_deliveries_in_one_piece_are_answered_in_order(web: Web) -> None:
    raw = event()
    unsigned = f"POST {PATH} HTTP/1.1\r\nHost: web\r\nContent-Length: {len(raw)}\r\n\r\n".encode() + raw
    async with web.connected() as client:
        await client.send(delivery(raw) + delivery(raw) + unsigned)
        said = [(await client.answer()).said for _ in range(3)]
    assert said == [(200, "stored"), (200, "duplicate"), (401, "invalid_signature")]


async def test_what_stands_behind_a_refused_request_is_not_waited_for(web: Web) -> None:
    """A client that sends requests without waiting would always be busy, and could never be closed for a new one."""
    refused = f"POST {PATH} HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\n\r\n".encode()
    async with web.connected() as client:
        await client.send(refused * 300)
        assert (await client.answer()).said == (401, "invalid_signature")
        assert await client.next() == b""


async def test_a_request_in_thousands_of_chunks_is_taken_in_pieces_beside_others(web: Web) -> None:
    """The chunks have one byte each. Parsed at once, a megabyte of them would block the loop for a second."""
    head = f"POST {PATH} HTTP/1.1\r\nHost: web\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    async with web.connected() as client, web.connected() as other:
        sending = asyncio.create_task(client.send(head + b"1\r\na\r\n" * 30_000 + b"0\r\n\r\n"))
        await other.send(delivery(event()))
        assert (await other.answer()).said == (200, "stored")
        await sending
        assert (await client.answer()).said == (401, "invalid_signature")


async def test_a_delivery_that_begins_behind_another_may_end_later(web: Web) -> None:
    first, second = event(), event()
    async with web.connected() as client:
        await client.send(delivery(first) + head(second) + second[:10])
        assert (await client.answer()).said == (200, "stored")
        await client.send(second[10:])
        assert (await client.answer()).said == (200, "stored")
    assert await web.holds(second)


async def test_many_at_once_are_taken_in_turn_also_those_that_close_their_side(receiver_database: str) -> None:
    async def one(web: Web, *, close: bool) -> tuple[int, str]:
        async with web.connected() as client:
            await client.send(delivery(event()))
            if close:
                client.writer.write_eof()
            return (await client.answer()).said

    async with serving(receiver_database, replace(SERVICE, turns=1)) as web:
        said = await asyncio.gather(*(one(web, close=number % 2 == 0) for number in range(40)))
    assert said == [(200, "stored")] * 40


async def test_a_client_that_has_said_everything_and_closed_its_side_gets_its_answer(web: Web) -> None:
    async with web.connected() as client:
        await client.send(delivery(event()))
        client.writer.write_eof()
        assert (await client.answer()).said == (200, "stored")


async def test_a_client_that_has_sent_two_and_closed_its_side_gets_both_answers(web: Web) -> None:
    raws = event(), event()
    async with web.connected() as client:
        await client.send(b"".join(map(delivery, raws)))
        client.writer.write_eof()
        assert [(await client.answer()).said for _ in raws] == [(200, "stored")] * 2
        assert await client.end() == b""


async def test_a_client_that_has_closed_its_side_is_closed_after_its_answer(web: Web) -> None:
    """The client can send nothing more, and many clients read until we close."""
    async with web.connected() as client:
        await client.send(delivery(event()))
        client.writer.write_eof()
        await client.answer()
        assert await client.end() == b""


@pytest.mark.parametrize(
    "origin", ["http://web", "HTTP://WEB:80", "https://web.example:8443", "hTTps://user:word@[::1]:80"]
)
async def test_a_target_that_is_a_whole_address_is_its_path(origin: str, web: Web) -> None:
    """A server must accept a whole URL, although only proxies get one."""
    async with web.connected() as client:
        for more, answer in (
            ("?a=http://x/", (200, "stored")),
            ("/jobs/of_nobody", (401, "invalid_signature")),
            ("/x", (404, "not_found")),
        ):
            raw = event()
            await client.send(head(raw, path=f"{origin}{PATH}{more}") + raw)
            assert (await client.answer()).said == answer


@pytest.mark.parametrize(
    "target", ["http:" + PATH, "http://" + PATH, "http://web/" + PATH, "ftp://web" + PATH, "http://web", "x" + PATH]
)
async def test_what_is_no_address_of_ours_is_not_found(target: str, web: Web) -> None:
    raw = event()
    async with web.connected() as client:
        await client.send(head(raw, path=target) + raw)
        assert (await client.answer()).said == (404, "not_found")


LINE_ENDS = {
    "CRLF": b"\r\n",
    "LF": b"\n",
    "two": b"\r\n\r\n",
    "mixed": b"\n\r\n\n",
    "many": b"\r\n" * (protocol.LINE_END_BYTES // 2),
}


@pytest.mark.parametrize("ends", LINE_ENDS.values(), ids=LINE_ENDS)
@pytest.mark.parametrize("apart", [False, True], ids=["in one piece", "byte by byte"])
async def test_line_ends_before_a_request_are_ignored(ends: bytes, apart: bool, web: Web) -> None:  # noqa: FBT001 - a case
    """Some clients add a line end to a body, and do not count it."""
    unsigned = f"POST {PATH} HTTP/1.1\r\nHost: web\r\nContent-Length: 2\r\n\r\n{{}}".encode()
    async with web.connected() as client:
        for request, answer in (
            (ends + delivery(event()) + ends, (200, "stored")),
            (unsigned + ends, (401, "invalid_signature")),
            (delivery(event()), (200, "stored")),
        ):
            for piece in [bytes([byte]) for byte in request] if apart else [request]:
                await client.send(piece)
            assert (await client.answer()).said == answer


async def test_line_ends_between_two_that_are_sent_at_once_are_ignored(web: Web) -> None:
    async with web.connected() as client:
        await client.send(b"\r\n".join(delivery(event()) for _ in range(3)))
        assert [(await client.answer()).said for _ in range(3)] == [(200, "stored")] * 3


async def test_line_ends_alone_begin_no_request(web: Web, clock: Clock) -> None:
    """The server waits for the next request, as on any kept connection."""
    async with web.connected() as client:
        await client.send(delivery(event()))
        assert (await client.answer()).said == (200, "stored")
        await client.send(b"\r\n")
        await clock.forward(SERVICE.receive * 2)
        await client.send(delivery(event()))
        assert (await client.answer()).said == (200, "stored")


async def test_line_ends_without_end_are_no_request(web: Web) -> None:
    async with web.connected() as client:
        await client.send(b"\r\n" * protocol.LINE_END_BYTES)
        assert (await client.answer()).status == 400
        await client.end()


async def test_line_ends_hold_no_connection(web: Web, clock: Clock) -> None:
    async with web.connected() as client:
        ending = asyncio.create_task(client.end())
        assert await client.drip(b"\n" * protocol.LINE_END_BYTES, clock, until=ending) == SERVICE.receive
        assert await ending == b""


@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "TLS/1.2"])
async def test_an_upgrade_is_ignored_and_the_delivery_is_verified_with_its_body(upgrade: str, web: Web) -> None:
    more = ("Connection: Upgrade, HTTP2-Settings", f"Upgrade: {upgrade}", "HTTP2-Settings: AAMAAABkAAQAAP__")
    raw = event()
    async with web.connected() as client:
        await client.send(delivery(raw, *more))
        assert (await client.answer()).said == (200, "stored")
        await client.send(delivery(raw, *more))
        assert (await client.answer()).said == (200, "duplicate")
    assert await web.holds(raw)


@pytest.mark.parametrize(
    "said",
    [b"GET /healthz HTTP/1.1\r\nHost: web\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", b"nonsense\r\n\r\n"],
    ids=["an upgrade", "nonsense"],
)
async def test_strangers_fill_no_log(said: bytes, web: Web, caplog: pytest.LogCaptureFixture) -> None:
    """Anyone can send these as often as they like."""
    async with web.connected() as client:
        for _ in range(3):
            await client.send(said)
            if (await client.answer()).status != 200:
                break
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


async def test_who_expects_100_is_told_to_continue(web: Web) -> None:
    raw = event()
    async with web.connected() as client:
        await client.send(head(raw, "Expect: 100-continue"))
        assert (await client.answer()).status == 100
        await client.send(raw)
        assert (await client.answer()).said == (200, "stored")


async def test_who_expects_100_for_too_large_a_body_is_refused_before_it_comes(web: Web) -> None:
    async with web.connected() as client:
        await client.send(head(b" " * (body.BODY_BYTES + 1), "Expect: 100-continue"))
        assert (await client.answer()).said == (413, "body_too_large")
        assert await client.end() == b""


# --- what is held back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", [b"", b"P", head(b"{}")[:-2]], ids=["nothing", "a byte", "almost a head"])
async def test_who_does_not_send_a_whole_head_in_time_is_closed(said: bytes, web: Web, clock: Clock) -> None:
    async with web.connected() as client:
        await client.send(said)
        await clock.forward(SERVICE.receive - 1)
        assert client.is_open
        clock.go_on()
        await clock.forward(1)
        assert await client.end() == b""


async def test_who_drips_a_head_is_closed_in_time(web: Web, clock: Clock) -> None:
    async with web.connected() as client:
        ending = asyncio.create_task(client.end())
        assert await client.drip(head(b"{}"), clock, until=ending) == SERVICE.receive
        assert await ending == b""


async def test_half_a_second_head_is_closed_in_time(web: Web, clock: Clock) -> None:
    """Keep-alive does not let a client hold a connection with half a request."""
    async with web.connected() as client:
        await client.send(delivery(event()))
        await client.answer()
        await clock.forward(SERVICE.receive * 1.5)
        await client.send(b"POST /webhooks")
        await clock.forward(SERVICE.receive - 1)
        assert client.is_open
        clock.go_on()
        await clock.forward(1)
        assert await client.end() == b""


@pytest.mark.parametrize("kept", [False, True], ids=["at once", "on a kept connection"])
async def test_half_a_body_is_answered_408_in_time_and_closed(
    kept: bool,  # noqa: FBT001 - a case
    web: Web,
    clock: Clock,
) -> None:
    raw = event()
    async with web.connected() as client:
        if kept:
            await client.send(delivery(event()))
            await client.answer()
            await clock.forward(SERVICE.receive * 1.5)
        await client.send(head(raw) + raw[:-1])
        answering = asyncio.create_task(client.answer())
        await clock.forward(SERVICE.receive - 1)
        assert not answering.done()
        await clock.forward(1)
        clock.go_on()
        answer = await answering
        assert (answer.said, answer.headers["connection"]) == ((408, "timeout"), "close")
        assert await client.end() == b""


async def test_a_body_that_drips_is_answered_408_by_the_deadline_that_began_with_the_connection(
    web: Web, clock: Clock
) -> None:
    """Head and body share one deadline."""
    raw = event()
    async with web.connected() as client:
        await clock.forward(SERVICE.receive / 2)
        await client.send(head(raw))
        answering = asyncio.create_task(client.answer())
        assert await client.drip(raw, clock, until=answering) == SERVICE.receive / 2
        assert (await answering).said == (408, "timeout")


@pytest.mark.parametrize(
    ("request_line", "status"), [("POST /nowhere", 404), (f"PUT {PATH}", 405), ("GET /healthz", 200)]
)
async def test_what_is_answered_without_its_body_does_not_hold_the_connection(
    request_line: str, status: int, web: Web
) -> None:
    """A byte of the rest, sent after the answer, must not keep the connection open forever."""
    async with web.connected() as client:
        await client.send(f"{request_line} HTTP/1.1\r\nHost: web\r\nContent-Length: 1000\r\n\r\n".encode())
        assert (await client.answer()).status == status
        await client.send(b" ")
        assert await client.end() == b""


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
async def test_a_body_over_the_bound_is_answered_413_and_closed(declared: bool, web: Web) -> None:  # noqa: FBT001 - a case
    raw = b" " * (body.BODY_BYTES + 1)
    async with web.connected() as client:
        await client.send(head(raw) if declared else chunked(raw)[: -len(b"\r\n0\r\n\r\n")])
        answer = await client.answer()
        assert (answer.said, answer.headers["connection"]) == ((413, "body_too_large"), "close")
        assert await client.end() == b""


TOO_LARGE = b" " * (body.BODY_BYTES + 1)
UNREAD = {
    "too much declared": (head(TOO_LARGE), 413),
    "too much in chunks": (chunked(TOO_LARGE)[: -len(b"\r\n0\r\n\r\n")], 413),
    "a bad chunk": (head(b"", "Transfer-Encoding: chunked", length=False) + b"xyz\r\n", 400),
    "two lengths": (head(b"{}", "Transfer-Encoding: chunked"), 400),
    "too large a head": (b"POST / HTTP/1.1\r\nX: " + b"x" * 100_000, 400),
    "no route": (b"POST /nowhere HTTP/1.1\r\nHost: web\r\nContent-Length: 1000000\r\n\r\n", 404),
    "one behind a refused one": (f"POST {PATH} HTTP/1.1\r\nHost: web\r\n\r\n".encode() + head(TOO_LARGE), 401),
}


@pytest.mark.parametrize(("begun", "status"), UNREAD.values(), ids=UNREAD)
async def test_who_is_refused_while_sending_can_send_all_and_read_the_answer(
    begun: bytes, status: int, web: Web
) -> None:
    """If the connection were reset, a proxy would answer 502."""
    async with web.connected() as client:
        await client.send(begun)
        assert (await client.answer()).status == status
        await client.end()  # our side is closed; theirs goes on
        for _ in range(30):
            await client.send(b" " * 30_000)
            await catch_up()
        assert client.socket_error() == 0


async def test_who_is_refused_for_being_slow_can_send_the_rest(web: Web, clock: Clock) -> None:
    raw = event()
    async with web.connected() as client:
        await client.send(head(raw) + raw[:-10])
        await clock.forward(SERVICE.receive)
        clock.go_on()
        assert (await client.answer()).said == (408, "timeout")
        for byte in raw[-10:]:
            await client.send(bytes([byte]))
            await catch_up()
        assert client.socket_error() == 0


async def test_who_is_refused_and_says_no_more_is_closed_in_time(web: Web, clock: Clock) -> None:
    async with web.connected() as client:
        await client.send(head(TOO_LARGE))
        assert (await client.answer()).status == 413
        await clock.forward(parting.SILENT_SECONDS)
        assert await client.is_reset()


async def test_who_is_refused_and_drips_is_closed_in_time(web: Web, clock: Clock) -> None:
    async with web.connected() as client:
        await client.send(head(TOO_LARGE))
        assert (await client.answer()).status == 413
        for _ in range(round(parting.LONGEST_SECONDS) - 1):
            await clock.forward(1)
            await client.send(b" ")
        assert client.socket_error() == 0
        await clock.forward(1)
        assert await client.is_reset()


async def test_who_is_refused_and_sends_without_end_is_cut_off(web: Web) -> None:
    async with web.connected() as client:
        await client.send(head(TOO_LARGE))
        assert (await client.answer()).status == 413
        with pytest.raises(ConnectionError):
            await client.send(b" " * (2 * parting.MOST_BYTES))


async def test_who_is_refused_and_closes_its_side_is_closed(receiver_database: str) -> None:
    """A server that stops waits for no other client."""
    async with serving(receiver_database) as web, web.connected() as client:
        await client.send(head(TOO_LARGE))
        assert (await client.answer()).status == 413
        client.writer.write_eof()
        await client.end()
        web.stop.set()
        await asyncio.wait_for(asyncio.shield(web.running), GUARD_SECONDS)


# --- what is wrong ---------------------------------------------------------------------------------------------------

UNCLEAN: dict[str, Callable[[bytes], bytes]] = {
    "a length and chunks": lambda raw: chunked(raw, f"Content-Length: {len(raw)}"),
    "two lengths that differ": lambda raw: head(raw, "Content-Length: 3") + raw,
    "an unknown coding": lambda raw: head(raw, "Transfer-Encoding: gzip", length=False) + raw,
    "a bad chunk": lambda raw: head(raw, "Transfer-Encoding: chunked", length=False) + b"xyz\r\n" + raw,
    "an endless chunk size": lambda raw: head(raw, "Transfer-Encoding: chunked", length=False) + b"f" * 30 + b"\r\n",
    "a negative length": lambda raw: head(raw, "Content-Length: -1", length=False),
    "a length without end": lambda raw: head(raw, f"Content-Length: {'9' * 5000}", length=False),
    "20,000 headers": lambda raw: head(raw, *[f"X-{n}: {n}" for n in range(20_000)]) + raw,
    "a header of a megabyte": lambda raw: head(raw, f"X: {'x' * 1_000_000}") + raw,
    "NUL in a header": lambda raw: head(raw, "X: a\x00b") + raw,
    "a space before a colon": lambda raw: head(raw, "X : a") + raw,
    "no host": lambda raw: delivery(raw).replace(b"Host: web\r\n", b""),
    "HTTP/0.9": lambda _: f"POST {PATH}\r\n\r\n".encode(),
    "HTTP/2": lambda _: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": lambda _: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100 + b"\r\n\r\n",
}


@pytest.mark.parametrize("unclean", UNCLEAN.values(), ids=UNCLEAN)
async def test_what_is_no_clean_request_is_refused_and_closed(unclean: Callable[[bytes], bytes], web: Web) -> None:
    raw = event()
    async with web.connected() as client:
        try:
            await client.send(unclean(raw))
            answer = await client.answer()
        except (ConnectionResetError, BrokenPipeError):
            pass  # closed with our words unread: the kernel throws its answer away
        else:
            assert 400 <= answer.status < 500
            await client.end()
    assert not await web.holds(raw)


async def test_a_refused_body_is_waited_for_no_longer_also_when_the_answer_is_not_read(
    receiver_database: str, caplog: pytest.LogCaptureFixture, clock: Clock
) -> None:
    """The connection lasts until its answers are read, and by then the body's deadline has passed."""
    raws, bad = [event() for _ in range(200)], UNCLEAN["a bad chunk"](event())
    begun = bad.index(b"\r\n\r\n") + 4
    async with serving(receiver_database) as web:
        # The least there is, on both sides, so that answers stay with the server.
        web.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the second half waits for no acknowledgement
        deaf.connect(("127.0.0.1", web.port))
        await asyncio.to_thread(deaf.sendall, b"".join(map(delivery, raws)))
        while not await web.holds(raws[-1]):
            await catch_up()
        deaf.sendall(bad[:begun])
        await clock.forward(SERVICE.receive - 1)
        deaf.sendall(bad[begun:])
        await catch_up()
        await clock.forward(1)
        clock.go_on()
        reader, writer = await asyncio.open_connection(sock=deaf)
        answers = (await Connection(reader, writer).end(20)).split(b"HTTP/1.1 ")
        writer.close()
    assert [a[:3] for a in answers] == [b"", *[b"200"] * len(raws), b"400"]
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("rude", [True, False], ids=["reset", "closed"])
@pytest.mark.parametrize("sent", [0.0, 0.1, 0.9, 1.0], ids=["nothing", "half a head", "half a body", "everything"])
async def test_a_client_that_vanishes_leaves_no_trace_in_the_log(
    sent: float,
    rude: bool,  # noqa: FBT001 - a case
    web: Web,
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = delivery(event())
    async with web.connected() as client:
        await client.send(whole[: round(len(whole) * sent)])
        await asyncio.sleep(0.02)
        if rude:
            client.vanish()
        else:
            client.writer.close()
            await client.writer.wait_closed()
    async with web.connected() as client:
        await client.send(delivery(event()))
        assert (await client.answer()).said == (200, "stored")
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


# --- the end ---------------------------------------------------------------------------------------------------------


async def test_stopping_waits_for_no_idle_connection(receiver_database: str) -> None:
    async with (
        serving(receiver_database) as web,
        web.connected() as fresh,
        web.connected() as kept,
        web.connected() as half,
    ):
        await kept.send(delivery(event()))
        await kept.answer()
        await half.send(b"POST /web")
        web.stop.set()
        assert [await client.end() for client in (fresh, kept, half)] == [b""] * 3
        await asyncio.wait_for(asyncio.shield(web.running), GUARD_SECONDS)


async def test_stopping_lets_a_delivery_that_has_begun_be_stored(receiver_database: str) -> None:
    raw = event()
    async with serving(receiver_database) as web:
        async with web.connected() as client:
            await client.send(head(raw) + raw[:-1])
            await asyncio.sleep(0.05)
            web.stop.set()
            await asyncio.sleep(0.3)
            assert not web.running.done()
            await client.send(raw[-1:])
            answer = await client.answer()
            assert (answer.said, answer.headers["connection"]) == ((200, "stored"), "close")
            assert await client.end() == b""
        await asyncio.wait_for(asyncio.shield(web.running), GUARD_SECONDS)
        assert await web.holds(raw)


async def test_a_relieved_server_leaves_its_connections_to_their_clients(receiver_database: str) -> None:
    """A request might be on its way on each connection. Each answer says that it is the last one."""
    async with serving(receiver_database) as web, web.connected() as idle, web.connected() as used:
        for client in (idle, used):
            await client.send(delivery(event()))
            assert "connection" not in (await client.answer()).headers
        web.relieved.set()
        with pytest.raises(TimeoutError):
            await idle.end(2 * server.LINGER_SECONDS)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", web.port)
        await used.send(delivery(event()))
        answer = await used.answer()
        assert (answer.said, answer.headers["connection"]) == ((200, "stored"), "close")
        assert await used.end() == b""
        assert not web.running.done()
        web.stop.set()
        assert await idle.end() == b""
        await asyncio.wait_for(asyncio.shield(web.running), GUARD_SECONDS)


async def test_an_inherited_socket_is_passed_on_to_nobody() -> None:
    """A child that outlives us would hold the socket open, and no server could listen there again."""
    with bind("127.0.0.1", 0) as bound:
        descriptor = os.dup(bound.fileno())
        os.set_inheritable(descriptor, True)  # noqa: FBT003 - the library's way
        with inherit(descriptor) as inherited:
            assert inherited.getsockname() == bound.getsockname()
            assert not inherited.get_inheritable()


async def test_a_client_that_never_reads_its_answers_is_cut_off(receiver_database: str) -> None:
    """Otherwise a few hundred such clients would hold every connection that the server can have."""

    def flood(web: Web) -> str:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", web.port))
            client.settimeout(GUARD_SECONDS)
            try:
                while True:
                    client.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 1000)
            except OSError as exc:
                return type(exc).__name__

    async with serving(receiver_database, replace(SERVICE, unread=0.3)) as web:
        assert await asyncio.to_thread(flood, web) in ("ConnectionResetError", "BrokenPipeError")
        async with web.connected() as other:
            await other.send(delivery(event()))
            assert (await other.answer()).said == (200, "stored")


# --- who is told -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [5, 10])
@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        ("POST /elsewhere", 404), ("PUT /webhooks/transcribe-so", 405), ("GET /healthz", 200), ("GET /readyz", 503),
        ("POST /webhooks/transcribe-so/jobs/x/y", 404), ("GET /readyz?format=json", 503),
    ],
)  # fmt: skip
async def test_an_answer_after_which_the_connection_closes_says_so(
    web: Web, request_line: str, status: int, length: int
) -> None:
    """A proxy might send the next delivery on such a connection, and lose it."""
    async with web.connected() as client:
        await client.send(f"{request_line} HTTP/1.1\r\nHost: web\r\nContent-Length: {length}\r\n\r\n12345".encode())
        answer = await client.answer()
        assert answer.status == status
        if length == 10:  # half of it is unread
            assert answer.headers["connection"] == "close"
            assert await client.end() == b""
        else:
            assert "connection" not in answer.headers
            await client.send(delivery(event()))
            assert (await client.answer()).said == (200, "stored")


async def test_a_refusal_that_nothing_behind_it_outlives_says_so(web: Web) -> None:
    refused = f"POST {PATH} HTTP/1.1\r\nHost: web\r\nContent-Length: 0\r\n\r\n".encode()
    async with web.connected() as client:
        await client.send(refused * 2)
        answer = await client.answer()
        assert (answer.said, answer.headers["connection"]) == ((401, "invalid_signature"), "close")
        assert await client.end() == b""


NO_REQUESTS = {
    "400 a head that is too large": head(b"{}", f"X-Forwarded-Client-Cert: {'c' * 70_000}"),
    "400 an unknown transfer encoding": head(b"{}", "Transfer-Encoding: identity"),
    "400 malformed": head(b"{}", "no header"),
}


@pytest.mark.parametrize("why", NO_REQUESTS)
async def test_a_request_that_is_none_is_told_of_like_every_refusal(
    receiver_database: str, caplog: pytest.LogCaptureFixture, why: str
) -> None:
    """A proxy might have added a header, and after five refusals the provider switches the webhook off."""
    async with serving(receiver_database) as web:
        for _ in range(2):
            async with web.connected() as client:
                await client.send(NO_REQUESTS[why] + b"{}")
                answer = await client.answer()
                assert (answer.status, answer.headers["connection"]) == (400, "close")
        found = web.receiver.failures_of().check(trusted=True)
        await web.receiver.close()
    assert found.seen.endswith(f"; 2 others refused since the last accepted one, lately with {why}")
    said = [record.getMessage() for record in caplog.records if why in record.getMessage()]
    assert said == [f"refused deliveries: 1 x {why} (from 127.0.0.1)"] * 2


WRONG_TWICE = {
    "two lengths": head(b"{}", "Transfer-Encoding: chunked"),
    "a wrong path": head(b"{}", "Transfer-Encoding: chunked", length=False, path=f"{PATH}/nowhere"),
}


@pytest.mark.parametrize("kind", WRONG_TWICE)
async def test_what_is_wrong_twice_is_refused_once(receiver_database: str, kind: str) -> None:
    async with serving(receiver_database) as web:
        async with web.connected() as client:
            await client.send(WRONG_TWICE[kind] + b"no chunk\r\n")
            assert (await client.answer()).status == 400
            await client.end()
        found = web.receiver.failures_of().check(trusted=True)
    assert found.seen.endswith("; 1 others refused since the last accepted one, lately with 400 malformed")
