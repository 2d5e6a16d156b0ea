"""The image: built from the wheel by buildah, on a base of debootstrap, and run in process namespaces of its own.

It needs root and `apt-get install buildah debootstrap`, reaches Debian's and Python's packages, and takes minutes:
`pytest -n0 --no-cov tests/peers/test_image.py`.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from receiver import deploy
from tests.deploy.test_files import LONGEST
from tests.processes import REPOSITORY, free_port, until

MISSING = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]
USER = 10001
SECRET = "tsk_live_beside_the_containerfile"
MINUTES = 60.0

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=f"missing: apt-get install {' '.join(MISSING)}"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a base"),
    pytest.mark.timeout(30 * MINUTES),
]


class Buildah:
    """buildah with a store of its own."""

    def __init__(self, folder: Path) -> None:
        self.store = folder / "store"
        self.command = (
            "buildah", "--root", str(self.store), "--runroot", str(folder / "run"), "--storage-driver", "vfs"
        )  # fmt: skip

    def __call__(self, *arguments: str) -> str:
        ran = subprocess.run([*self.command, *arguments], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout.strip()

    def begin(
        self, container: str, *command: str, volume: Path, log: Path, **environment: str
    ) -> subprocess.Popen[bytes]:
        """Start a command of a container. With the first process of its namespace everything in it is killed."""
        variables = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        with log.open("wb") as out:
            return subprocess.Popen(
                [
                    "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *self.command, "run", "--isolation",
                    "chroot", *variables, "--volume", f"{volume}:/data", container, "--", *command,
                ],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip


@pytest.fixture(scope="module")
def buildah(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    folder = tmp_path_factory.mktemp("image")
    yield Buildah(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(buildah: Buildah, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image, of this checkout's wheel. Its folder has a secret that must not get into it."""
    root, context = (tmp_path_factory.mktemp(name) for name in ("root", "context"))
    packages = "--include=python3,python3-venv,ca-certificates"
    subprocess.run(["debootstrap", "--variant=minbase", packages, "bookworm", root], check=True, capture_output=True)
    base = buildah("from", "scratch")
    buildah("add", "--quiet", base, str(root), "/")
    buildah("commit", "--quiet", "--rm", base, "localhost/base")
    shutil.rmtree(root)
    wheel = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(context), str(REPOSITORY)]
    subprocess.run(wheel, check=True, capture_output=True)
    (context / "Containerfile").write_text(deploy.text("container"))
    (context / ".env").write_text(f"TRANSCRIBE_API_KEY={SECRET}\n")
    trusted = "/etc/ssl/certs:/etc/ssl/certs:ro"  # as this machine does
    buildah(
        "build", "--isolation", "chroot", "--format", "docker", "--build-arg", "BASE=localhost/base", "--volume",
        trusted, "--tag", "localhost/receiver", str(context),
    )  # fmt: skip
    return "localhost/receiver"


@contextmanager
def container(buildah: Buildah, image: str) -> Iterator[str]:
    """Make a container; its volume is given at its start, which buildah does over none of the image's own."""
    made = buildah("from", image)
    buildah("config", "--volume", "/data-", made)
    try:
        yield made
    finally:
        buildah("rm", made)


def inside(pid: int) -> dict[int, list[str]]:
    """Return the commands of a process's descendants, by their pids."""
    found = dict[int, list[str]]()
    for child in " ".join(one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/children")).split():
        with suppress(OSError):
            found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            found |= inside(int(child))
    return found


def one_that_is(up: subprocess.Popen[bytes]) -> dict[int, list[str]]:
    """Return `receiver up` in a container, and all that it has started."""
    command = [f"/opt/receiver/bin/{name}" for name in ("python3", "receiver")]
    (first,) = (pid for pid, started in inside(up.pid).items() if started[:3] == [*command, "up"])
    return {first: [], **inside(first)}


def test_a_secret_beside_the_containerfile_is_not_in_the_image(buildah: Buildah, image: str) -> None:
    config: dict[str, Any] = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]
    assert (config["User"], config["StopSignal"]) == (f"{USER}:{USER}", "SIGTERM")
    assert (config["Entrypoint"], config["Cmd"], config["Volumes"]) == (["receiver"], ["up"], {"/data": {}})
    assert config["Healthcheck"]["Test"][:2] == ["CMD", "python3"]
    found = subprocess.run(["grep", "-rlF", SECRET, buildah.store], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (1, "")


def test_one_command_brings_a_transcript_and_the_volume_outlives_the_container(
    buildah: Buildah, image: str, tmp_path: Path
) -> None:
    volume, log, port = tmp_path / "volume", tmp_path / "log", str(free_port())
    volume.mkdir(mode=0o700)
    os.chown(volume, USER, USER)  # as a new volume is, after the image's folder
    with container(buildah, image) as first:
        sandbox = ("up", "--sandbox", "--sandbox-port", str(free_port()))
        up = buildah.begin(first, "receiver", *sandbox, volume=volume, log=log, PORT=port)
        began = time.monotonic()
        try:
            until(lambda: "transcripts done" in log.read_text() or up.poll() is not None, "a transcript", 5 * MINUTES)
            print(f"\na transcript after {time.monotonic() - began:.0f} s")  # noqa: T201 - for whoever runs it
            processes = one_that_is(up)
            check = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]["Healthcheck"]["Test"]
            buildah("run", "--isolation", "chroot", "--env", f"PORT={port}", first, "--", *check[1:])
            assert len(processes) > len(("up", "serve", "work", "sandbox", "the keeper and its server"))
            assert {Path(f"/proc/{pid}").stat().st_uid for pid in processes} == {USER}
            began = time.monotonic()
            os.kill(next(iter(processes)), signal.SIGTERM)
            assert up.wait(LONGEST) == 0
            print(f"ended after {time.monotonic() - began:.1f} s")  # noqa: T201 - the same
        finally:
            print(log.read_text())  # noqa: T201 - for a failure
            up.kill()
            up.wait()
    with container(buildah, image) as second:
        shown = tmp_path / "shown"
        assert buildah.begin(second, "receiver", "events", volume=volume, log=shown).wait(5 * MINUTES) == 0
        assert "transcripts:done" in shown.read_text()
