"""`receiver.cli.up.children`: a process that cannot be started ends no other process."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from receiver.cli.up.children import Child, Patience
from receiver.server import bind
from tests.processes import REPOSITORY, SECRET, free_port, linux
from tests.worker.working import until


async def test_a_process_that_cannot_be_begun_replaces_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """For instance while a new version is being installed, or without memory."""
    port = str(free_port())
    child = Child("sandbox", "--port", port, environment=os.environ | {"PYTHONPATH": str(REPOSITORY)}, vital=True)
    await child.start()
    try:
        await child.ready()
        with monkeypatch.context() as installing:
            installing.setattr(sys, "executable", "/nonexistent/python")
            assert not await child.replace()
        assert "sandbox could not be started: [Errno 2]" in caplog.text
        socket.create_connection(("127.0.0.1", int(port))).close()
    finally:
        await child.end(10)


async def test_a_process_imports_nothing_of_ours_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in the working directory may have the name of a module that we import."""
    monkeypatch.chdir(tmp_path)
    for name in ("calendar", "secrets", "signal", "click", "runpy"):
        Path(f"{name}.py").write_text("raise SystemExit('imported')")
    Path("receiver").mkdir()
    Path("receiver/__init__.py").write_text("raise SystemExit('imported')")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    child = Child("sandbox", "--port", str(free_port()), environment=environment, vital=True)
    await child.start()
    try:
        await child.ready()
    finally:
        await child.end(10)


def test_a_command_that_python_is_told_to_run_imports_nothing_from_the_working_directory(tmp_path: Path) -> None:
    for name in ("calendar", "secrets", "signal", "click"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "receiver", "--version"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def children() -> list[int]:
    """Return our own processes that serve."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and "\0serve\0" in (path / "cmdline").read_text():
                found.append(int(path.name))
        except OSError:
            continue
    return found


@linux
async def test_a_web_process_that_hangs_is_replaced_and_who_waited_is_answered(
    tmp_path: Path, receiver_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    listener = bind("127.0.0.1", free_port())
    environment = {
        "PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY), "DATABASE_URL": receiver_database,
        "TRANSCRIBE_WEBHOOK_SECRET": SECRET.decode(), "RECEIVER_SPOOL_DIR": str(tmp_path / "spool"),
    }  # fmt: skip
    child = Child("serve", environment=environment, vital=True, listener=listener, patience=Patience(silence=3))
    with listener:
        await child.start()
        keeping = asyncio.create_task(child.keep())
        try:
            await child.ready()
            (first,) = children()
            os.kill(first, signal.SIGSTOP)
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await asyncio.wait_for(reader.read(), 60)).startswith(b"HTTP/1.1 200 ")
            writer.close()

            async def replaced() -> bool:
                return first not in children() and len(children()) == 1

            await until(replaced)
        finally:
            keeping.cancel()
            await child.end(10)
    assert "serve hangs: it has said nothing for 3 s; it is killed; starting another in 0 s" in caplog.text
