"""`handlers.ready.publish`, with the real server of NATS: what it keeps, what fails, what is said of its disk."""

import asyncio
import dataclasses
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from nats.js.api import PersistMode, StorageType

from handlers.ready import _link, publish
from receiver import Announcement, Context, Event, GiveUp, Handler, Retry, Stream
from receiver.inbox import jobs, listing
from receiver.inbox.retry import Done
from receiver.testing import LEASE, Scratch
from tests.handlers.ready import nats
from tests.handlers.ready.nats import ADDED, PASSWORD, STREAM, Nats

SUBJECT = "receiver.transcribe-so.transcription.completed"
SECONDS = 2.0
NKEY = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"  # from the documentation of NATS

Point = Callable[[str], None]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Nats]:
    with nats.running(tmp_path / "nats") as running:
        yield running


@pytest.fixture
def point(monkeypatch: pytest.MonkeyPatch) -> Point:
    """Return what sets where events are published."""
    return lambda address: monkeypatch.setenv("RECEIVER_PUBLISH", address)


@pytest.fixture
async def stream(server: Nats, point: Point) -> Nats:
    """Return a server with a stream where events are published."""
    await server.add()
    point(server.address())
    return server


@pytest.fixture
async def made() -> AsyncIterator[Callable[..., Handler]]:
    """Return what makes handlers, whose connections are closed after the test."""
    links = []

    def make(*, pause: float = 0) -> Handler:
        handler, link = publish.made(seconds=SECONDS, pause=pause)
        links.append(link)
        return handler

    yield make
    for link in links:
        await link.close()


async def published(scratch: Scratch, handler: Handler, **transcription: object) -> tuple[Event, Context]:
    """Publish an event, and return what it was."""
    event, ctx = await scratch.claim(handler, None, **transcription)
    await handler(event, ctx)
    return event, ctx


async def test_an_event_is_in_the_stream_as_one_document_with_its_id(
    receiver_scratch: Scratch, stream: Nats, made: Callable[..., Handler]
) -> None:
    event, ctx = await published(receiver_scratch, made())
    ((subject, key, body),) = await stream.kept()
    assert (subject, key) == (SUBJECT, ctx.idempotency_key)
    assert body == Announcement.of(event, ctx.account).encoded(most=10**9)
    assert json.loads(body)["data"]["event"] == event.id


async def test_a_repeat_and_a_replay_are_in_the_stream_once(
    receiver_scratch: Scratch, stream: Nats, made: Callable[..., Handler]
) -> None:
    handler = made()
    event, ctx = await published(receiver_scratch, handler)
    await handler(event, ctx)
    await jobs.settle(receiver_scratch.db, [jobs.Ended(ctx.job, ctx.attempt, Done())])
    (found,) = await listing.find(receiver_scratch.db, event.id)
    await jobs.replay(receiver_scratch.db, found.key, [ctx.handler])
    portions = [jobs.Portion(queue, 1) for queue in jobs.queues([ctx.account], [ctx.handler])]
    (claim,) = await jobs.claim(receiver_scratch.db, portions, lease=LEASE, limit=1)
    await handler(event, dataclasses.replace(ctx, idempotency_key=claim.idempotency_key))
    await published(receiver_scratch, handler)
    assert len(await stream.kept()) == 2


async def test_the_jobs_of_a_worker_share_one_connection(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler]
) -> None:
    await server.add()
    before = server.told("varz")["total_connections"]
    point(server.address())
    handler = made()
    await asyncio.gather(*(published(receiver_scratch, handler) for _ in range(6)))
    assert server.told("varz")["total_connections"] - before == 1


async def test_a_subject_can_begin_otherwise(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler]
) -> None:
    await server.add(dataclasses.replace(ADDED, subjects=["shop.*.transcription.>"]))
    point(server.address("?subject=shop"))
    await published(receiver_scratch, made())
    assert [subject for subject, _, _ in await server.kept()] == [SUBJECT.replace("receiver", "shop")]


# --- what fails ------------------------------------------------------------------------------------------------------


async def test_a_stream_that_is_not_there_is_said_with_how_to_add_it(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler]
) -> None:
    point(server.address())
    handler = made()
    event, ctx = await receiver_scratch.claim(handler)
    with pytest.raises(
        Retry, match=r"no stream EVENTS: `nats stream add EVENTS --subjects 'receiver\.>' --storage file"
    ):
        await handler(event, ctx)
    await server.add(dataclasses.replace(ADDED, subjects=["other"]))
    with pytest.raises(Retry, match=f"no stream takes {SUBJECT}: `nats stream add EVENTS"):
        await handler(event, ctx)


async def test_another_stream_does_not_get_it(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler]
) -> None:
    await server.add(dataclasses.replace(ADDED, subjects=["other"]))
    await server.add(dataclasses.replace(ADDED, name="STRANGER"))
    point(server.address())
    with pytest.raises(Retry, match=f"EVENTS does not take {SUBJECT}: the server says: expected stream does not match"):
        await published(receiver_scratch, made())


async def test_a_server_that_died_is_found_again_by_the_next_job(
    receiver_scratch: Scratch, stream: Nats, made: Callable[..., Handler]
) -> None:
    handler = made()
    await published(receiver_scratch, handler)
    stream.kill()
    event, ctx = await receiver_scratch.claim(handler)
    with pytest.raises(Retry, match="EVENTS"):
        await handler(event, ctx)
    with pytest.raises(Retry, match=r"no server of EVENTS can be used: connection refused"):
        await handler(event, ctx)
    stream.start()
    await handler(event, ctx)
    assert len(await stream.kept()) == 2


async def test_while_the_server_is_away_the_jobs_fail_at_once(
    receiver_scratch: Scratch, stream: Nats, made: Callable[..., Handler]
) -> None:
    stream.kill()
    handler = made(pause=3600)
    event, ctx = await receiver_scratch.claim(handler)
    with pytest.raises(Retry, match="connection refused"):
        await handler(event, ctx)
    stream.start()
    before = stream.told("varz")["total_connections"]
    with pytest.raises(Retry, match="connection refused"):
        await handler(event, ctx)
    assert stream.told("varz")["total_connections"] == before


async def test_a_server_that_hangs_is_left(
    receiver_scratch: Scratch, stream: Nats, made: Callable[..., Handler]
) -> None:
    handler = made()
    await published(receiver_scratch, handler)
    stream.stop()
    event, ctx = await receiver_scratch.claim(handler)
    with pytest.raises(Retry, match=f"EVENTS has not acknowledged {SUBJECT}: nats: timeout"):
        await handler(event, ctx)
    with pytest.raises(Retry, match="no server of EVENTS can be used: no answer in time"):
        await handler(event, ctx)
    stream.kill()
    stream.start()
    await handler(event, ctx)
    assert len(await stream.kept()) == 2, "what the hanging server had not read is not there twice"


async def test_an_event_that_no_server_takes_is_dead(
    receiver_scratch: Scratch, tmp_path: Path, point: Point, made: Callable[..., Handler]
) -> None:
    with nats.running(tmp_path / "nats", more=f"max_payload: 1500{nats.USERS}") as server:
        await server.add()
        point(server.address())
        with pytest.raises(GiveUp, match=r"it has [0-9]+ bytes, and the server takes 1500: raise max_payload"):
            await published(receiver_scratch, made(), title="x" * 1500)


@pytest.mark.parametrize(
    "case",
    [
        ("nats://ada:wr0ng@127.0.0.1:PORT/EVENTS", "the server says: authorization violation"),
        ("nats://wr0ng@127.0.0.1:PORT/EVENTS", "the server says: authorization violation"),
    ],
)
async def test_who_is_refused_is_told_why_and_no_secret(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler], case: tuple[str, str]
) -> None:
    address, why = case
    point(address.replace("PORT", str(server.port)))
    with pytest.raises(Retry, match=f"no server of EVENTS can be used: .*{why}") as refused:
        await published(receiver_scratch, made())
    assert "wr0ng" not in str(refused.value)
    assert server.told("varz")["connections"] == 0


async def test_a_server_without_tls_is_not_told_the_password_that_is_meant_for_one_with_it(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler]
) -> None:
    await server.add()
    point(server.address().replace("nats://", "tls://"))
    with pytest.raises(Retry, match=r"no server of EVENTS can be used: nats: secure connection required"):
        await published(receiver_scratch, made())
    assert await server.kept() == []


@pytest.mark.parametrize("said", ["'s3cret'", "s3cret " + "A" * 5000])
async def test_a_server_that_repeats_what_it_reads_brings_no_password_into_the_error(
    receiver_scratch: Scratch, point: Point, made: Callable[..., Handler], said: str
) -> None:
    async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id": "x", "version": "2.10.0", "max_payload": 1000, "proto": 1}\r\n')
        writer.write(b"-ERR '%s'\r\n" % ((await reader.readline()).strip() + said.encode()))
        writer.close()

    server = await asyncio.start_server(repeat, "127.0.0.1", 0)
    async with server:
        point(f"nats://ada:s3cret@127.0.0.1:{server.sockets[0].getsockname()[1]}/EVENTS")
        with pytest.raises(Retry, match=r"^no server of EVENTS can be used: what its server says is not known$"):
            await published(receiver_scratch, made())


class Elsewhere:
    """A connection to an address, which the library tells when it is asked who is there."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._io_writer = self  # the library's name

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return self._host, 4222


@pytest.mark.parametrize(("who", "host", "is_told"), [
    ("ada:s3cret@", "8.8.8.8", False), ("s3cret@", "2600::1", False), ("", "8.8.8.8", True),
    ("ada:s3cret@", "10.0.0.1", True), ("ada:s3cret@", "::1", True),
])  # fmt: skip
def test_a_public_address_is_not_told_a_password_in_the_clear(who: str, host: str, *, is_told: bool) -> None:
    for demands in (False, True):
        client = _link._made(Stream.parse(f"nats://{who}nats.test/EVENTS"))  # noqa: SLF001 - no server is public here
        client._transport, client._server_info = Elsewhere(host), {"tls_required": demands}  # type: ignore[assignment]  # noqa: SLF001
        client.options = defaultdict(bool)
        with nullcontext() if is_told or demands else pytest.raises(Retry, match=r"public address.*: write tls://$"):
            client._connect_command()  # noqa: SLF001


async def test_a_file_of_credentials_is_read_when_the_server_asks_for_it(
    receiver_scratch: Scratch, tmp_path: Path, point: Point, made: Callable[..., Handler]
) -> None:
    """A server that knows keys sends a nonce to sign."""
    more = f"authorization: {{users: [{{nkey: {NKEY}}}]}}"
    with nats.running(tmp_path / "nats", more=more) as server:
        (tmp_path / "ada.creds").write_text("s3cret")
        for file, why in (
            ("none", "no such file"),
            ("ada", "ada.creds is not a file of credentials as `nsc` writes it"),
        ):
            point(f"nats://127.0.0.1:{server.port}/EVENTS?credentials={tmp_path}/{file}.creds")
            with pytest.raises(Retry, match=f"no server of EVENTS can be used: .*{why}") as refused:
                await published(receiver_scratch, made())
            assert "s3cret" not in str(refused.value)


# --- what an acknowledgement means -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("stream")
async def test_it_is_said_that_acknowledged_is_not_known_to_be_on_disk(
    receiver_scratch: Scratch, made: Callable[..., Handler], caplog: pytest.LogCaptureFixture
) -> None:
    handler = made()
    await published(receiver_scratch, handler)
    await published(receiver_scratch, handler)
    (said,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert said.startswith(f"what {STREAM} acknowledges can be lost when its machine fails: a server syncs its disk")


async def test_a_server_that_is_known_to_sync_is_not_doubted(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    await server.add()
    point(server.address(f"?monitor={server.monitoring}"))
    await published(receiver_scratch, made())
    assert [record for record in caplog.records if record.levelno == logging.WARNING] == []
    assert len(await server.kept()) == 1


async def test_with_a_monitor_nothing_is_published_to_a_server_that_does_not_sync(
    receiver_scratch: Scratch, tmp_path: Path, point: Point, made: Callable[..., Handler]
) -> None:
    with nats.running(tmp_path / "nats", sync="2m") as server:
        await server.add()
        for monitor in (server.monitoring, "http://127.0.0.1:1"):
            point(server.address(f"?monitor={monitor}"))
            with pytest.raises(Retry, match="nothing is published to EVENTS: newsroom is not known to sync"):
                await published(receiver_scratch, made())
        assert await server.kept() == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"storage": StorageType.MEMORY}, "it is kept in memory"),
        ({"persist_mode": PersistMode.ASYNC}, "it acknowledges before it writes"),
    ],
    ids=["memory", "async"],
)
async def test_a_stream_that_does_not_write_is_not_durable_whatever_the_server_syncs(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler], *, changes: dict[str, Any],
    why: str,
) -> None:  # fmt: skip
    await server.add(dataclasses.replace(ADDED, **changes))
    point(server.address(f"?monitor={server.monitoring}"))
    with pytest.raises(Retry, match=f"nothing is published to EVENTS: {why}"):
        await published(receiver_scratch, made())


async def test_a_user_who_may_not_ask_about_the_stream_publishes_with_a_warning(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    await server.add()
    point(server.address(user="bob"))
    await published(receiver_scratch, made())
    assert "the user may not ask about it ($JS.API.STREAM.INFO.EVENTS)" in caplog.text
    assert len(await server.kept()) == 1
    assert PASSWORD not in caplog.text


async def test_a_window_that_is_shorter_than_the_tries_is_said(
    receiver_scratch: Scratch, server: Nats, point: Point, made: Callable[..., Handler],
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    await server.add(dataclasses.replace(ADDED, duplicate_window=120))
    point(server.address(f"?monitor={server.monitoring}"))
    await published(receiver_scratch, made())
    assert "EVENTS knows a repeat for 120 s, and a job is tried for up to 35 h" in caplog.text
    assert timedelta(hours=34) < publish.SPAN < timedelta(hours=47)
