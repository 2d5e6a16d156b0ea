"""The wheel holds everything: built, installed elsewhere, it migrates with its own SQL and finds its handlers."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

from receiver.testing import Server
from tests.processes import REPOSITORY


def test_a_wheel_installed_elsewhere_migrates_and_has_the_bundled_handlers(
    folder: Path, receiver_server: Server
) -> None:
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(REPOSITORY)]
    subprocess.run(build, check=True, capture_output=True)
    wheel = next(folder.glob("receiver-*.whl"))
    names = zipfile.ZipFile(wheel).namelist()
    assert "receiver/sql/migrations/0001_spine.sql" in names
    assert not [name for name in names if name.startswith("tests/")]
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
    for arguments, said in (
        (["migrate"], "migrated to 0004_provider"),
        (["migrate"], "the schema is up to date"),
        (["handlers"], "transcripts"),
        (["events"], ""),
    ):
        ran = subprocess.run(
            [folder / "elsewhere" / "bin" / "python", "-c", code, *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert said in ran.stdout
    receiver_server.drop("receiver_test_wheel")
