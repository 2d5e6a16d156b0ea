"""One of three servers of NATS is away: the others take events, and it is asked when it is back."""

import dataclasses
from pathlib import Path

import pytest

from handlers.ready import publish
from receiver import Context, Event, Handler, Retry
from receiver.testing import Scratch
from tests.handlers.ready import nats
from tests.handlers.ready.nats import ADDED, STREAM, Nats

SECONDS = 2.0


def of_a_cluster(servers: list[Nats]) -> str:
    """Return the address of a stream in a cluster, all of which are asked."""
    hosts = ",".join(f"127.0.0.1:{server.port}" for server in servers)
    monitors = "&".join(f"monitor={server.monitoring}" for server in servers)
    return f"nats://{nats.USER}:p%40ss:w0rd@{hosts}/{STREAM}?{monitors}"


@pytest.mark.timeout(900)
async def test_a_server_of_a_cluster_that_is_away_is_not_doubted_until_it_is_back(
    receiver_scratch: Scratch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nats.cluster(tmp_path) as servers:
        await servers[0].add(dataclasses.replace(ADDED, num_replicas=3))
        for server in servers:
            server.kill()
        away, *others = servers
        for server in others:
            server.begin()
        for server in others:
            server.until_ready()
        monkeypatch.setenv("RECEIVER_PUBLISH", of_a_cluster(servers))
        handler, link = publish.made(seconds=SECONDS, pause=0, again=0)
        event, ctx = await receiver_scratch.claim(handler)
        await until_published(handler, event, ctx)
        away.sync = "2m"
        away.start()
        with pytest.raises(Retry, match="nothing is published to EVENTS: n0 is not known to sync its disk"):
            await handler(event, ctx)
        away.kill()
        away.sync = "always"
        away.start()
        await handler(event, ctx)
        assert len(await away.kept()) == 1
        await link.close()


async def until_published(handler: Handler, event: Event, ctx: Context) -> None:
    """Try as a worker does, without its pauses: the servers need a moment to choose a leader."""
    while True:
        try:
            return await handler(event, ctx)
        except Retry as exc:
            if "is not known to sync" in str(exc):
                raise
