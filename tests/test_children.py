"""`receiver.cli.children`: what cannot be begun ends nothing that runs."""

import os
import socket
import sys

import pytest

from receiver.cli.children import Child
from tests.processes import REPOSITORY, free_port


async def test_a_process_that_cannot_be_begun_replaces_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As where a new version is being installed at that moment, or memory has run out."""
    port = str(free_port())
    child = Child("sandbox", "--port", port, environment=os.environ | {"PYTHONPATH": str(REPOSITORY)}, vital=True)
    await child.start()
    try:
        await child.ready()
        with monkeypatch.context() as installing:
            installing.setattr(sys, "executable", "/nonexistent/python")
            assert not await child.replace(leave_within=5)
        assert "sandbox could not be started: [Errno 2]" in caplog.text
        socket.create_connection(("127.0.0.1", int(port))).close()
    finally:
        await child.end(10)
