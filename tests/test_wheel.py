"""The wheel holds everything: built, installed elsewhere, it migrates with its own SQL and finds its handlers."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from receiver import deploy
from receiver.database import migrations
from receiver.deploy import FILES
from receiver.testing import Server
from tests.cli.test_init import WRITTEN
from tests.processes import REPOSITORY
from tests.readme import block

# In the place of `podman`, which is not everywhere: tests/peers/test_image.py builds the image with the real buildah.
PODMAN = """#!/bin/sh
echo "$@" >> asked
"""


def built(checkout: Path) -> Path:
    """Build the wheel, and what lies beside it, with the README's lines; return it."""
    (checkout / "bin").mkdir()
    (checkout / "bin" / "podman").write_text(PODMAN)
    (checkout / "bin" / "podman").chmod(0o755)
    path = f"{checkout / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-euc", block("pip wheel ")], cwd=checkout, env={**os.environ, "PATH": path}, check=True,
        capture_output=True,
    )  # fmt: skip
    assert (checkout / "Containerfile").read_text() == deploy.text("container")
    asked = "build --format docker -t receiver .\nrun --rm -it receiver up --sandbox\n"
    assert (checkout / "asked").read_text() == asked
    (wheel,) = checkout.glob("receiver-*.whl")
    return wheel


def test_a_wheel_installed_elsewhere_migrates_and_has_the_bundled_handlers(
    folder: Path, receiver_server: Server
) -> None:
    checkout = folder / "checkout"
    for name in ("receiver", "handlers", "sql"):
        shutil.copytree(REPOSITORY / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, checkout / name)
    (checkout / "handlers" / "users.py").touch()
    wheel = built(checkout)
    names = zipfile.ZipFile(wheel).namelist()
    assert "receiver/sql/migrations/0001_spine.sql" in names
    assert "receiver/py.typed" in names
    assert {f"receiver/health/metrics/{name}" for name in ("rules.yml", "dashboard.json")} <= set(names)
    assert {f"receiver/cli/project/{name}.txt" for name in WRITTEN} <= set(names)
    assert {f"receiver/deploy/{name}" for name in FILES.values()} <= set(names)
    bundled = {name for name in names if name.startswith("receiver/bundled/")}
    ours = ("__init__", "artifacts", "failures", "pings", "timestamps", "transcripts")
    ready = (
        "__init__",
        "_bucket",
        "_folder",
        "_front_matter",
        "_line",
        "_link",
        "_names",
        "files",
        "forward",
        "notify",
        "publish",
    )
    assert bundled == {f"receiver/bundled/{name}.py" for name in (*ours, *(f"ready/{name}" for name in ready))}
    assert {name.split("/")[0] for name in names} == {
        "receiver",
        f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info",
    }
    venv.create(folder / "elsewhere", with_pip=False, symlinks=True)
    packages = next((folder / "elsewhere" / "lib").glob("python*/site-packages"))
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(packages)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    # The dependencies are this environment's; the editable install of the checkout is not taken along.
    dependencies = next(path for path in map(Path, sys.path) if (path / "asyncpg").is_dir())
    code = f"""
import sys
sys.path.append({str(dependencies)!r})
import receiver.cli
assert receiver.__file__.startswith({str(packages)!r}), receiver.__file__
receiver.cli.main()
"""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "COVERAGE_PROCESS_START")}
    environment["DATABASE_URL"] = receiver_server.create("receiver_test_wheel")

    def run(*arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        ran = subprocess.run(
            [folder / "elsewhere" / "bin" / "python", "-c", code, *arguments],
            cwd=folder, env=environment | changes, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran

    assert f"migrated to {migrations.files()[-1][1].stem}\n" in run("migrate").stdout
    assert "the schema is up to date" in run("migrate").stdout
    assert run("events").stdout == ""
    unset = run("handlers")
    assert f"there is no handlers/ in {folder}: using the bundled handlers, receiver.bundled" in unset.stderr
    assert "site-packages/receiver/bundled/transcripts.py\n" in unset.stdout
    # A folder of one's own replaces them, or stands beside them.
    mine = "from receiver import handler\n@handler('a.b')\ndef mine(event, ctx): ...\n"
    (folder / "handlers").mkdir()
    (folder / "handlers" / "mine.py").write_text(mine)
    alone = run("handlers")
    assert (alone.stdout.split()[0], alone.stdout.count("\n")) == ("mine", 1)
    assert all(" is left out: RECEIVER_" in line for line in alone.stderr.splitlines())  # the ready-made ones
    both = run("handlers", RECEIVER_HANDLERS="handlers,receiver.bundled")
    names = [line.split()[0] for line in both.stdout.splitlines() if not line.startswith(" ")]
    assert names == ["artifacts", "failures", "mine", "pings", "timestamps", "transcripts"]
    assert both.stderr == alone.stderr
    receiver_server.drop("receiver_test_wheel")
